//! [`Thread`]: one flow of control, and how it is made.

use super::fault_note::FaultNote;
use super::{run_queue, switching};
use crate::arch::fpu::FpuState;
use crate::arch::interrupts::IrqOff;
use crate::arch::{cpu, interrupts, switch};
use crate::mm::budget::{self, Reservation};
use crate::mm::frames::Frame;
use crate::mm::heap;
use crate::mm::page_table::SpaceTable;
use crate::mm::stacks::{self, KernelStack};
use crate::percpu;
use alloc::sync::Arc;
use core::any::{Any, TypeId};
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use fl_addr::{CpuId, Pid};
use fl_trace::event::FrameClass;

/// What a user thread has and a kernel thread has not.
pub struct UserPart {
    /// Its page table.
    table: Arc<SpaceTable>,
    /// Whether it runs on it; on the kernel's after [`super::leave_space`]. Relaxed: written by the thread itself, read at its switches.
    in_space: AtomicBool,
    /// Its floating-point registers while it does not run. Guard: the scheduler, interrupts off.
    pub(super) fpu: UnsafeCell<FpuState>,
    /// Its process, for those who watch.
    pid: Pid,
    /// The process, which only layers above know.
    owner: Owner,
}

/// What a thread belongs to: a counted reference, and its type for [`owner`].
struct Owner {
    of: TypeId,
    at: *const (),
    _keeps: Arc<dyn Any + Send + Sync>,
}

impl UserPart {
    /// For a thread of `owner` that runs on `table` and starts with `fpu` in its registers.
    pub fn new<T: Any + Send + Sync>(table: Arc<SpaceTable>, fpu: FpuState, pid: Pid, owner: Arc<T>) -> Self {
        let in_space = AtomicBool::new(true);
        let owner = Owner { of: TypeId::of::<T>(), at: Arc::as_ptr(&owner).cast(), _keeps: owner };
        Self { table, in_space, fpu: UnsafeCell::new(fpu), pid, owner }
    }
}

/// One flow of control.
///
/// Owns: its kernel stack, its saved registers, a reference to its process. Lifecycle: made ready by `spawn_*` or [`UserThread`]; ends in
/// [`super::exit`]; freed when the thread after it has switched away from its stack. The fields go in their order: the process last, for
/// its end is news that somebody waits for, and after it only the count.
pub struct Thread {
    /// For people.
    pub name: &'static str,
    /// Saved stack pointer while it does not run. Guard: the scheduler, interrupts off.
    pub(super) context: UnsafeCell<u64>,
    /// `None`: the boot stack, which becomes idle's.
    stack: Option<KernelStack>,
    /// `None`: a kernel thread.
    pub(super) user: Option<UserPart>,
    /// Whether a CPU runs it or has not finished leaving it. True from before the switch to it until it is off its stack.
    on_cpu: AtomicBool,
    /// The CPU that runs it or ran it last. Relaxed: `on_cpu` publishes it.
    last_cpu: AtomicU8,
    /// Next in the queue it is in. Guard: that queue's lock.
    pub(super) next: UnsafeCell<Option<Arc<Thread>>>,
    /// When a sleeper wakes, in ticks. Guard: the sleepers' lock.
    pub(super) wake_at: AtomicU64,
    /// The user's stack pointer at the last system call: what the stack rule goes by when the kernel faults for the program.
    /// Relaxed: this thread only.
    user_rsp: AtomicU64,
    /// The fault that it is in.
    pub(super) fault: FaultNote,
    /// What it calls first.
    start: (Entry, usize),
    /// Switches to it are not told. Relaxed: set by itself, read on its CPU.
    quiet: AtomicBool,
    /// When it is woken it runs before all others. Relaxed: set by itself.
    urgent: AtomicBool,
    _counted: Counted,
}
// SAFETY: the cells are guarded as said at each of them; everything else is Sync by itself.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

/// Threads that exist, idle included.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Threads that exist, idle included. All that those had who do not any more is free: who looks for leaks waits for this.
pub fn count() -> u32 {
    COUNT.load(Acquire) // partner: the Release in `Counted::drop`
}

/// One of [`count`].
struct Counted;

impl Counted {
    fn new() -> Self {
        COUNT.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Release); // partner: the Acquire in `count`
    }
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
        Self {
            name,
            context: UnsafeCell::new(0),
            on_cpu: AtomicBool::new(false),
            last_cpu: AtomicU8::new(percpu::this_cpu(&IrqOff::new()).0),
            stack,
            user,
            next: UnsafeCell::new(None),
            wake_at: AtomicU64::new(0),
            user_rsp: AtomicU64::new(0),
            fault: FaultNote::none(),
            start,
            quiet: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            _counted: Counted::new(),
        }
    }

    /// The thread that boot already runs on, on `cpu`.
    pub(super) fn boot(cpu: CpuId) -> Arc<Self> {
        extern "C" fn never(_: usize) -> ! {
            unreachable!("the boot thread runs already")
        }
        let thread = Self::new("idle", None, None, (never, 0));
        thread.enter_cpu(cpu);
        Arc::new(thread)
    }

    /// Top of its kernel stack; `None` for the boot stack.
    pub(super) fn stack_top(&self) -> Option<u64> {
        self.stack.as_ref().map(KernelStack::top)
    }

    /// The address space it runs on now; `None`: the kernel's own.
    #[inline]
    pub(super) fn space(&self) -> Option<&SpaceTable> {
        self.user.as_ref().filter(|user| user.in_space.load(Relaxed)).map(|user| &*user.table)
    }

    /// Whether it runs on its process's address space. By the thread itself, which then switches.
    pub(super) fn set_in_space(&self, yes: bool) {
        if let Some(user) = &self.user {
            user.in_space.store(yes, Relaxed);
        }
    }

    /// `cpu` is about to run it.
    pub(super) fn enter_cpu(&self, cpu: CpuId) {
        debug_assert!(!self.is_on_cpu(), "a thread is run on two CPUs");
        self.last_cpu.store(cpu.0, Relaxed);
        self.on_cpu.store(true, Relaxed); // Relaxed: it is in nobody's reach before it enters the next queue
    }

    /// Its registers are saved and nobody is on its stack.
    fn leave_cpu(&self) {
        self.on_cpu.store(false, Release); // partner: the Acquire in `is_on_cpu`
    }

    /// Whether a CPU runs it or is still leaving it: then only that CPU may switch to it.
    pub(super) fn is_on_cpu(&self) -> bool {
        self.on_cpu.load(Acquire) // partner: the Release in `leave_cpu`
    }

    /// The CPU that runs it or ran it last.
    pub(super) fn last_cpu(&self) -> CpuId {
        CpuId(self.last_cpu.load(Relaxed))
    }

    /// Its process; `Pid(0)` for kernel threads.
    pub fn pid(&self) -> Pid {
        self.user.as_ref().map_or(Pid(0), |user| user.pid)
    }

    /// From now on switches to it are not told: for the drain, which would tell of its own telling for ever.
    pub fn be_quiet(&self) {
        self.quiet.store(true, Relaxed);
    }

    /// From now on it runs before all others whenever it is woken: for one that others wait for, and that sleeps again soon.
    pub fn be_urgent(&self) {
        self.urgent.store(true, Relaxed);
    }

    /// Whether it is to run at once, if it is woken and not only gives way.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Relaxed) && !self.is_on_cpu()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// The user's stack pointer as last noted; 0 in kernel threads.
    pub fn user_rsp(&self) -> u64 {
        self.user_rsp.load(Relaxed)
    }

    /// Notes the user's stack pointer, for faults that the kernel takes on the program's behalf.
    #[inline]
    pub fn note_user_rsp(&self, rsp: u64) {
        self.user_rsp.store(rsp, Relaxed);
    }
}

/// Lets go of a thread that this CPU has left. If it is dead it is freed, its own block first: the count comes after everything.
pub(super) fn let_go(thread: Arc<Thread>) {
    thread.leave_cpu();
    drop(Arc::into_inner(thread));
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
    unsafe { switching::finish_switch() };
    let (entry, argument) = current().start;
    interrupts::enable();
    entry(argument)
}

/// The running thread. Valid while it runs, that is, for as long as its own code can look.
pub struct Current(*const Thread);

impl core::ops::Deref for Current {
    type Target = Thread;
    #[inline]
    fn deref(&self) -> &Thread {
        // SAFETY: its CPU holds a reference to the running thread, and this value cannot leave the thread
        // (a raw pointer is not Send).
        unsafe { &*self.0 }
    }
}

/// The running thread.
#[inline]
pub fn current() -> Current {
    Current(cpu::thread().cast())
}

/// What the running thread belongs to. Valid while it runs, as [`Current`] is.
pub struct CurrentOwner<T>(*const T);

impl<T> core::ops::Deref for CurrentOwner<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: made by `owner` for what the running thread keeps; this value cannot leave the thread.
        unsafe { &*self.0 }
    }
}

/// What the running thread belongs to, as the layer that made it gave it to [`UserPart::new`]. `None`: a kernel thread, or of another type.
#[inline]
pub fn owner<T: Any>() -> Option<CurrentOwner<T>> {
    let thread = current();
    let owner = &thread.user.as_ref()?.owner;
    (owner.of == TypeId::of::<T>()).then(|| CurrentOwner(owner.at.cast()))
}
