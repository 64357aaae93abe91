//! [`Thread`]: one flow of control, and how it is made.

use super::run_queue;
use crate::arch::fpu::FpuState;
use crate::arch::interrupts::IrqOff;
use crate::arch::{interrupts, switch};
use crate::mm::budget::{self, Reservation};
use crate::mm::frames::Frame;
use crate::mm::heap;
use crate::mm::stacks::{self, KernelStack};
use alloc::sync::Arc;
use core::any::Any;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use fl_addr::{Pfn, Pid};
use fl_trace::event::FrameClass;

/// What a user thread has and a kernel thread has not.
pub struct UserPart {
    /// Root of its page table; the kernel's after [`super::leave_space`]. Written by the thread itself.
    pub(super) root: AtomicU32,
    /// Its floating-point registers while it does not run. Guard: the scheduler, interrupts off.
    pub(super) fpu: UnsafeCell<FpuState>,
    /// The user's stack pointer at the last system call: what the stack rule goes by when the kernel faults for the program.
    /// Relaxed: this thread only.
    user_rsp: AtomicU64,
    /// Its process, for those who watch.
    pid: Pid,
    /// The process, which only layers above know.
    owner: Arc<dyn Any + Send + Sync>,
}

impl UserPart {
    /// For a thread of `owner` that runs on the page table at `root` and starts with `fpu` in its registers.
    pub fn new(root: Pfn, fpu: FpuState, pid: Pid, owner: Arc<dyn Any + Send + Sync>) -> Self {
        let root = AtomicU32::new(root.0);
        Self { root, fpu: UnsafeCell::new(fpu), user_rsp: AtomicU64::new(0), pid, owner }
    }
}

/// One flow of control.
///
/// Owns: its kernel stack, its saved registers, a reference to its process. Lifecycle: made ready by `spawn_*` or [`UserThread`]; ends in
/// [`super::exit`]; freed when the thread after it has switched away from its stack. The fields go in their order: the process last, for
/// its end is news that somebody waits for.
pub struct Thread {
    /// For people.
    pub name: &'static str,
    /// Saved stack pointer while it does not run. Guard: the scheduler, interrupts off.
    pub(super) context: UnsafeCell<u64>,
    /// `None`: the boot stack, which becomes idle's.
    stack: Option<KernelStack>,
    /// `None`: a kernel thread.
    pub(super) user: Option<UserPart>,
    /// Next in the queue it is in. Guard: that queue's lock.
    pub(super) next: UnsafeCell<Option<Arc<Thread>>>,
    /// When a sleeper wakes, in ticks. Guard: the sleepers' lock.
    pub(super) wake_at: AtomicU64,
    /// What it calls first.
    start: (Entry, usize),
    /// Switches to it are not told. Relaxed: set by itself, read on its CPU.
    quiet: AtomicBool,
}
// SAFETY: the cells are guarded as said at each of them; everything else is Sync by itself.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

/// Threads that exist, idle included.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Threads that exist, idle included.
pub fn count() -> u32 {
    COUNT.load(Relaxed)
}

/// Why a thread could not be made. Nothing is left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpawnError {
    /// No kernel frame for its stack.
    NoMemory,
}

impl Thread {
    fn new(
        name: &'static str,
        stack: Option<KernelStack>,
        user: Option<UserPart>,
        start: (Entry, usize),
    ) -> Self {
        COUNT.fetch_add(1, Relaxed);
        Self {
            name,
            context: UnsafeCell::new(0),
            stack,
            user,
            next: UnsafeCell::new(None),
            wake_at: AtomicU64::new(0),
            start,
            quiet: AtomicBool::new(false),
        }
    }

    /// The thread that boot already runs on.
    pub(super) fn boot() -> Arc<Self> {
        extern "C" fn never(_: usize) -> ! {
            unreachable!("the boot thread runs already")
        }
        Arc::new(Self::new("idle", None, None, (never, 0)))
    }

    /// Top of its kernel stack; `None` for the boot stack.
    pub(super) fn stack_top(&self) -> Option<u64> {
        self.stack.as_ref().map(KernelStack::top)
    }

    /// The process it belongs to, as the layer that made it gave it. `None`: a kernel thread.
    pub fn owner(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.user.as_ref().map(|u| &*u.owner)
    }

    /// Its process; `Pid(0)` for kernel threads.
    pub fn pid(&self) -> Pid {
        self.user.as_ref().map_or(Pid(0), |user| user.pid)
    }

    /// From now on switches to it are not told: for the drain, which would tell of its own telling for ever.
    pub fn be_quiet(&self) {
        self.quiet.store(true, Relaxed);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// The user's stack pointer as last noted; 0 in kernel threads.
    pub fn user_rsp(&self) -> u64 {
        self.user.as_ref().map_or(0, |u| u.user_rsp.load(Relaxed))
    }

    /// Notes the user's stack pointer, for faults that the kernel takes on the program's behalf.
    #[inline]
    pub fn note_user_rsp(&self, rsp: u64) {
        if let Some(user) = &self.user {
            user.user_rsp.store(rsp, Relaxed);
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Relaxed);
    }
}

/// Starts a kernel thread that calls `entry(argument)`, interrupts on.
pub fn spawn_kernel(name: &'static str, entry: Entry, argument: usize) -> Result<(), SpawnError> {
    let stack = KernelStack::new(|| Frame::take(FrameClass::Kernel)).ok_or(SpawnError::NoMemory)?;
    if !budget::has_room(HEAP) {
        return Err(SpawnError::NoMemory);
    }
    make(name, stack, (entry, argument), None);
    Ok(())
}

/// A thread's first function, which is called with a number and never returns.
pub type Entry = extern "C" fn(usize) -> !;

/// Heap bytes of a thread, without its floating-point state.
const HEAP: usize = heap::taken_by(size_of::<Thread>() + 2 * size_of::<usize>());

/// All that a thread of a user process takes, so that starting it cannot fail.
pub struct UserThread {
    stack: KernelStack,
    memory: Reservation,
}

impl UserThread {
    /// Takes its stack and its floating-point state, and sets its heap bytes aside.
    pub fn prepare() -> Result<Self, SpawnError> {
        let heap = HEAP + heap::taken_by(FpuState::size());
        let mut memory = budget::reserve(stacks::PAGES as usize, heap).ok_or(SpawnError::NoMemory)?;
        let stack = KernelStack::new(|| memory.frame()).ok_or(SpawnError::NoMemory)?;
        Ok(Self { stack, memory })
    }

    /// Starts it: `entry(argument)` runs in the kernel, on the process's page table, and enters user mode.
    pub fn start(self, name: &'static str, entry: Entry, argument: usize, user: UserPart) {
        make(name, self.stack, (entry, argument), Some(user));
        drop(self.memory); // used by now
    }
}

fn make(name: &'static str, stack: KernelStack, start: (Entry, usize), user: Option<UserPart>) {
    let thread = Thread::new(name, Some(stack), user, start);
    // SAFETY: the stack is new, page-aligned at its top, and nobody runs on it.
    let context = unsafe { switch::prepare(thread.stack_top().unwrap_or(0), first, 0) };
    // SAFETY: not in any queue yet, so nobody else looks.
    unsafe { *thread.context.get() = context };
    run_queue::make_ready(Arc::new(thread));
}

/// The first function of every thread: ends the switch that brought it here.
extern "C" fn first(_: usize) -> ! {
    // SAFETY: interrupts are off since the switch; this is its other end.
    unsafe { run_queue::finish_switch() };
    let (entry, argument) = current().start;
    interrupts::enable();
    entry(argument)
}

/// The running thread. Valid while it runs, that is, for as long as its own code can look.
pub struct Current(*const Thread);

impl core::ops::Deref for Current {
    type Target = Thread;
    fn deref(&self) -> &Thread {
        // SAFETY: the CPU's run queue holds a reference to the running thread, and this value cannot leave the thread
        // (a raw pointer is not Send).
        unsafe { &*self.0 }
    }
}

/// The running thread.
pub fn current() -> Current {
    let irq = IrqOff::new();
    Current(run_queue::current_ptr(&irq))
}
