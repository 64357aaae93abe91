//! One run queue per CPU, round robin, and the switch from one thread to the next.

use super::thread::Thread;
use super::thread_list::ThreadList;
use crate::arch::interrupts::IrqOff;
use crate::arch::{cpu, paging, switch};
use crate::mm::page_table::{self, SpaceTable};
use crate::per_cpu;
use crate::percpu::{self, PerCpu};
use crate::sync::SpinLock;
use crate::trace::emit;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use fl_addr::{Pfn, Pid};
use fl_trace::event::{Event, Switch};

/// Ticks (milliseconds) a thread runs before the next ready one gets its turn; Pintos' value.
const SLICE: u32 = 4;

struct Cpu {
    ready: SpinLock<ThreadList>,
    /// The running thread. Guard: its own CPU, interrupts off.
    current: UnsafeCell<Option<Arc<Thread>>>,
    /// The thread switched away from, until the next one has left its stack. Same guard.
    previous: UnsafeCell<Option<Arc<Thread>>>,
    /// The thread that runs when none is ready. Same guard; set once.
    idle: UnsafeCell<Option<Arc<Thread>>>,
    /// Ticks left of the running thread's slice. Relaxed: this CPU only.
    slice: AtomicU32,
    /// Whether the running thread should give way. Relaxed: this CPU only.
    due: AtomicBool,
    /// The process that was last told to run here, and whether it was ready when it was left. Relaxed: this CPU only.
    told: AtomicU32,
    left_ready: AtomicBool,
}
// SAFETY: the cells are used by their own CPU only, with interrupts off.
unsafe impl Sync for Cpu {}

static CPUS: PerCpu<Cpu> = per_cpu!(Cpu {
    ready: SpinLock::new(ThreadList::new()),
    current: UnsafeCell::new(None),
    previous: UnsafeCell::new(None),
    idle: UnsafeCell::new(None),
    slice: AtomicU32::new(SLICE),
    due: AtomicBool::new(false),
    told: AtomicU32::new(0),
    left_ready: AtomicBool::new(false),
});

/// Makes the flow that boots this CPU its idle thread. Once per CPU, heap in place.
pub fn init() {
    let irq = IrqOff::new();
    let cpu = CPUS.this(&irq);
    let boot = Thread::boot();
    // SAFETY: this CPU, interrupts off, first use.
    unsafe {
        *cpu.idle.get() = Some(boot.clone());
        run(cpu, boot, &irq);
    }
}

/// Makes `thread` the running one.
///
/// # Safety
///
/// `cpu` is this one; the thread is about to run, or does.
unsafe fn run(cpu: &Cpu, thread: Arc<Thread>, irq: &IrqOff) {
    percpu::set_thread(irq, Arc::as_ptr(&thread).cast());
    // SAFETY: this CPU, interrupts off.
    unsafe { *cpu.current.get() = Some(thread) };
}

/// Whether [`init`] has run on this CPU.
pub fn started() -> bool {
    !cpu::thread().is_null()
}

/// A reference to the running thread that keeps it.
pub(super) fn current_arc(irq: &IrqOff) -> Arc<Thread> {
    // SAFETY: this CPU, interrupts off.
    unsafe { (*CPUS.this(irq).current.get()).clone() }.expect("threads run after `init`")
}

/// Appends a thread to this CPU's queue. It must be in no queue and off every CPU, or on its way off this one with
/// interrupts off. Callable from interrupts.
pub(super) fn make_ready(thread: Arc<Thread>) {
    let irq = IrqOff::new();
    let cpu = CPUS.this(&irq);
    cpu.ready.lock_with(&irq).push(thread);
    if is_idle(cpu) {
        cpu.due.store(true, Relaxed);
    }
}

fn is_idle(cpu: &Cpu) -> bool {
    // SAFETY: callers run on this CPU with interrupts off.
    let (idle, current) = unsafe { (&*cpu.idle.get(), &*cpu.current.get()) };
    matches!((idle, current), (Some(i), Some(c)) if Arc::ptr_eq(i, c))
}

/// Gives the CPU to the next ready thread. The running one must be in the queue it waits in, or be idle, or be dead.
pub(super) fn schedule(irq: &IrqOff) {
    leave(irq, false);
}

/// Gives the CPU away. `ready`: the running thread stands in the run queue.
fn leave(irq: &IrqOff, ready: bool) {
    let cpu = CPUS.this(irq);
    cpu.slice.store(SLICE, Relaxed);
    cpu.due.store(false, Relaxed);
    let next = cpu.ready.lock_with(irq).pop();
    // SAFETY: this CPU, interrupts off.
    let next = next.or_else(|| unsafe { (*cpu.idle.get()).clone() }).expect("idle exists after `init`");
    // SAFETY: as above.
    if !unsafe { (*cpu.current.get()).as_ref() }.is_some_and(|current| current.is_quiet()) {
        cpu.left_ready.store(ready, Relaxed);
    }
    tell(cpu, &next);
    switch_to(cpu, next, irq);
}

/// Tells which process runs from now on, if it is another than was told last.
fn tell(cpu: &Cpu, next: &Thread) {
    let (from, to) = (Pid(cpu.told.load(Relaxed)), next.pid());
    if from != to && !next.is_quiet() {
        cpu.told.store(to.0, Relaxed);
        emit(Event::Switch(Switch { from, to, ready: cpu.left_ready.load(Relaxed) }));
    }
}

fn switch_to(cpu: &Cpu, next: Arc<Thread>, irq: &IrqOff) {
    // SAFETY: this CPU, interrupts off, in all the cells below; `next` runs nowhere, because it was in the run queue or is
    // this CPU's idle. `save` points into a thread kept by `previous` until `finish_switch`.
    unsafe {
        let current = (*cpu.current.get()).take().expect("threads run after `init`");
        if Arc::ptr_eq(&current, &next) {
            *cpu.current.get() = Some(next);
            return;
        }
        if let Some(top) = next.stack_top() {
            percpu::set_kernel_stack(irq, top);
        }
        load_root(&next);
        if let Some(user) = &current.user {
            (*user.fpu.get()).save();
        }
        if let Some(user) = &next.user {
            (*user.fpu.get()).restore();
        }
        let (save, context) = (current.context.get(), *next.context.get());
        *cpu.previous.get() = Some(current);
        run(cpu, next, irq);
        switch::switch(save, context);
        finish_switch();
    }
}

fn load_root(thread: &Thread) {
    let root = match &thread.user {
        Some(user) => Pfn(user.root.load(Relaxed)), // Relaxed: written by that thread, which ran on this CPU
        None => page_table::kernel_root(),
    };
    if paging::root() != root {
        // SAFETY: the kernel's own root, or one of a live space, whose upper half equals the kernel's.
        unsafe { paging::set_root(root) };
    }
}

/// The other end of a switch, on the new thread's stack: lets go of the thread before, which frees it if it is dead.
///
/// # Safety
///
/// Right after a switch, interrupts still off.
pub(super) unsafe fn finish_switch() {
    let irq = IrqOff::new();
    // SAFETY: this CPU, interrupts off.
    let previous = unsafe { (*CPUS.this(&irq).previous.get()).take() };
    drop(previous);
}

/// Lets other ready threads run first; returns at once if there are none.
fn give_way(irq: &IrqOff) {
    let cpu = CPUS.this(irq);
    if !is_idle(cpu) {
        if cpu.ready.lock().is_empty() {
            cpu.slice.store(SLICE, Relaxed);
            cpu.due.store(false, Relaxed);
            return;
        }
        make_ready(current_arc(irq));
    }
    leave(irq, !is_idle(cpu));
}

/// The timer's part: counts the slice down and wakes sleepers. In the interrupt, interrupts off.
pub fn tick(irq: &IrqOff) {
    super::sleep::advance();
    let cpu = CPUS.this(irq);
    let left = cpu.slice.load(Relaxed).saturating_sub(1);
    cpu.slice.store(left, Relaxed);
    if left == 0 {
        cpu.due.store(true, Relaxed);
    }
}

/// Gives way if the slice is over or idle has something better to do. Last act of an interrupt, interrupts off.
pub fn preempt_if_due(irq: &IrqOff) {
    if CPUS.this(irq).due.load(Relaxed) {
        give_way(irq);
    }
}

/// Whether a thread is ready on this CPU.
pub(super) fn has_ready(irq: &IrqOff) -> bool {
    !CPUS.this(irq).ready.lock().is_empty()
}

/// Ends the running thread. Its stack is freed by the next one.
pub fn exit() -> ! {
    let irq = IrqOff::new();
    schedule(&irq); // in no queue: nobody will run it again
    unreachable!("a dead thread was run")
}

/// Leaves the user address space: this thread runs on the kernel's page table from now on, until it enters one.
pub fn leave_space() {
    run_on(page_table::kernel_root());
}

/// Enters a user address space after [`leave_space`].
pub fn enter_space(table: &SpaceTable) {
    run_on(table.root());
}

fn run_on(root: Pfn) {
    let irq = IrqOff::new();
    let current = current_arc(&irq);
    if let Some(user) = &current.user {
        user.root.store(root.0, Relaxed); // Relaxed: read at this thread's next switch, on this CPU
    }
    load_root(&current);
}

/// Gives the running user thread the floating-point state that a program starts with.
pub fn reset_fpu() {
    let irq = IrqOff::new();
    if let Some(user) = &current_arc(&irq).user {
        // SAFETY: the running thread's, on its own CPU, interrupts off.
        let fpu = unsafe { &mut *user.fpu.get() };
        fpu.reset();
        fpu.restore();
    }
}
