//! The running thread of each CPU, and the switch from one to the next: when its slice is over, when it sleeps, when it ends.

use super::run_queue;
use super::thread::{self, Thread};
use crate::arch::interrupts::IrqOff;
use crate::arch::{cpu, switch};
use crate::inject::{self, Point};
use crate::ipi;
use crate::mm::page_table;
use crate::per_cpu;
use crate::percpu::{self, PerCpu};
use crate::sync::order;
use crate::trace::emit;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use fl_addr::{CpuId, Pid};
use fl_trace::event::{Event, Switch};

/// Ticks (milliseconds) a thread runs before the next ready one gets its turn; Pintos' value.
const SLICE: u32 = 4;

struct Cpu {
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
    /// Switches so far. Relaxed: this CPU only.
    switches: AtomicU64,
}
// SAFETY: the cells are used by their own CPU only, with interrupts off.
unsafe impl Sync for Cpu {}

static CPUS: PerCpu<Cpu> = per_cpu!(Cpu {
    current: UnsafeCell::new(None),
    previous: UnsafeCell::new(None),
    idle: UnsafeCell::new(None),
    slice: AtomicU32::new(SLICE),
    due: AtomicBool::new(false),
    told: AtomicU32::new(0),
    left_ready: AtomicBool::new(false),
    switches: AtomicU64::new(0),
});

/// Makes the flow that boots this CPU its idle thread. Once per CPU, heap in place.
pub fn init() {
    let irq = IrqOff::new();
    let cpu = CPUS.this(&irq);
    let boot = Thread::boot(percpu::this_cpu(&irq));
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

/// Whether this CPU's idle thread runs.
pub fn is_idle(irq: &IrqOff) -> bool {
    runs_idle(CPUS.this(irq))
}

/// Switches from one thread to another that this CPU has made.
pub fn switches(irq: &IrqOff) -> u64 {
    CPUS.this(irq).switches.load(Relaxed)
}

fn runs_idle(cpu: &Cpu) -> bool {
    // SAFETY: callers run on this CPU with interrupts off.
    let (idle, current) = unsafe { (&*cpu.idle.get(), &*cpu.current.get()) };
    matches!((idle, current), (Some(i), Some(c)) if Arc::ptr_eq(i, c))
}

/// Gives the CPU to the next ready thread. The running one must be in the queue it waits in, or be idle, or be dead.
pub(super) fn schedule(irq: &IrqOff) {
    let next = run_queue::pop(irq).or_else(|| run_queue::steal(irq));
    leave(irq, next, false);
}

/// For idle: runs a ready thread, of this CPU or of another. False: there is none.
pub(super) fn run_ready(irq: &IrqOff) -> bool {
    let next = run_queue::pop(irq).or_else(|| run_queue::steal(irq));
    let found = next.is_some();
    if found {
        leave(irq, next, false);
    }
    found
}

/// Gives the CPU to `next`, or to idle. `ready`: the running thread stands in the run queue.
fn leave(irq: &IrqOff, next: Option<Arc<Thread>>, ready: bool) {
    order::nothing_held(irq);
    let cpu = CPUS.this(irq);
    cpu.slice.store(SLICE, Relaxed);
    cpu.due.store(false, Relaxed);
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
    // SAFETY: this CPU, interrupts off, in all the cells below; `next` runs nowhere: it is this CPU's idle, or was taken from a queue of
    // ready threads, where those that are still on a CPU are taken only by that CPU, which is this one. `save` points into a thread kept
    // by `previous` until `finish_switch`. Afterwards this thread may be on another CPU: `cpu` is not used any more.
    unsafe {
        let current = (*cpu.current.get()).take().expect("threads run after `init`");
        if Arc::ptr_eq(&current, &next) {
            *cpu.current.get() = Some(next);
            return;
        }
        next.enter_cpu(percpu::this_cpu(irq));
        cpu.switches.store(cpu.switches.load(Relaxed) + 1, Relaxed);
        if let Some(top) = next.stack_top() {
            percpu::set_kernel_stack(irq, top);
        }
        let (from, to) = (current.space(), next.space());
        if from.map(core::ptr::from_ref) != to.map(core::ptr::from_ref) {
            page_table::switch(irq, from, to);
        }
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

/// The other end of a switch, on the new thread's stack: lets go of the thread before, which another CPU may run from now on; frees it
/// if it is dead.
///
/// # Safety
///
/// Right after a switch, interrupts still off.
pub(super) unsafe fn finish_switch() {
    let irq = IrqOff::new();
    // SAFETY: this CPU, interrupts off.
    let previous = unsafe { (*CPUS.this(&irq).previous.get()).take() };
    if let Some(previous) = previous {
        inject::pass(Point::Switched);
        thread::let_go(previous);
    }
}

/// Lets other ready threads run first; returns at once if there are none.
fn give_way(irq: &IrqOff) {
    let cpu = CPUS.this(irq);
    if runs_idle(cpu) {
        return; // it looks for threads by itself, after every interrupt
    }
    if run_queue::has_ready(irq) {
        run_queue::make_ready(current_arc(irq)); // into this CPU's queue: it is still here
        let next = run_queue::pop(irq);
        return leave(irq, next, true);
    }
    // Threads that wait elsewhere have their turn here: with three of them on two CPUs all get the same.
    match run_queue::steal(irq) {
        Some(next) => {
            run_queue::make_ready(current_arc(irq));
            leave(irq, Some(next), true);
        }
        None => {
            cpu.slice.store(SLICE, Relaxed);
            cpu.due.store(false, Relaxed);
        }
    }
}

/// The timer's part: counts the slice down; on the boot processor also wakes sleepers. In the interrupt, interrupts off.
pub fn tick(irq: &IrqOff) {
    if percpu::this_cpu(irq) == CpuId(0) {
        super::sleep::advance();
    }
    let cpu = CPUS.this(irq);
    let left = cpu.slice.load(Relaxed).saturating_sub(1);
    cpu.slice.store(left, Relaxed);
    if left == 0 {
        cpu.due.store(true, Relaxed);
    }
}

/// The running thread of that CPU gives way at its next interrupt.
pub(super) fn be_due(cpu: CpuId) {
    CPUS.of(cpu).due.store(true, Relaxed); // seen late, it is seen at the next tick
}

/// The running thread gives way as soon as interrupts are on again: this CPU is interrupted then.
pub fn give_way_soon(irq: &IrqOff) {
    let here = percpu::this_cpu(irq);
    be_due(here);
    ipi::reschedule(irq, here);
}

/// Lets threads that are ready run first. Holding no spin lock.
pub fn yield_now() {
    give_way(&IrqOff::new());
}

/// Gives way if the slice is over. Last act of an interrupt, interrupts off.
pub fn preempt_if_due(irq: &IrqOff) {
    if CPUS.this(irq).due.load(Relaxed) {
        give_way(irq);
    }
}

/// Ends the running thread. Its stack is freed by the next one.
pub fn exit() -> ! {
    let irq = IrqOff::new();
    schedule(&irq); // in no queue: nobody will run it again
    unreachable!("a dead thread was run")
}

/// Leaves the user address space: this thread runs on the kernel's page table from now on, until it enters its own again.
pub fn leave_space() {
    let irq = IrqOff::new();
    let current = current_arc(&irq);
    let from = current.space();
    current.set_in_space(false);
    page_table::switch(&irq, from, None);
}

/// Enters its user address space after [`leave_space`].
pub fn enter_space() {
    let irq = IrqOff::new();
    let current = current_arc(&irq);
    current.set_in_space(true);
    page_table::switch(&irq, None, current.space());
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
