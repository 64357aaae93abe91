//! The queues of ready threads, one per CPU: where a thread that becomes ready is put, and what a CPU does that has none.
//!
//! A thread goes back to the CPU it ran on, or to one that idles. Who runs out of threads takes one from the longest queue. A thread that is
//! still leaving a CPU is touched by nobody else: it waits in that CPU's own queue, and is not stolen.

use super::switching;
use super::thread::Thread;
use super::thread_list::ThreadList;
use crate::arch::interrupts::IrqOff;
use crate::inject::{self, Point};
use crate::ipi;
use crate::per_cpu;
use crate::percpu::{self, PerCpu};
use crate::sync::{LockClass, SpinLock};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use fl_addr::CpuId;

/// One CPU's ready threads. Rank 9.
struct Queue {
    threads: SpinLock<ThreadList>,
    /// How many they are, for those who look without the lock. Relaxed: a hint; written under the lock.
    len: AtomicU32,
}

static QUEUES: PerCpu<Queue> = per_cpu!(Queue {
    threads: SpinLock::new(LockClass::RunQueue, ThreadList::new()),
    len: AtomicU32::new(0)
});

/// CPUs that halt or are about to, one bit each. A CPU sets its bit before it looks into its queue for the last time; a waker looks for
/// the bit after it has filled the queue. Both take the queue's lock in between, so one of them sees the other.
static IDLE: AtomicU32 = AtomicU32::new(0);

/// Appends a thread to a CPU's queue. It must be in no queue, and off every CPU or on its way off one with interrupts off. Callable from interrupts.
pub(super) fn make_ready(thread: Arc<Thread>) {
    let irq = IrqOff::new();
    let here = percpu::this_cpu(&irq);
    if percpu::online_count() == 1 {
        return push(here, thread, &irq);
    }
    let target = place(&thread);
    push(target, thread, &irq);
    inject::pass(Point::Placed);
    // Whoever takes the bit away interrupts the CPU: one interrupt is enough to wake it.
    if target != here && clear_idle(target) {
        ipi::reschedule(&irq, target);
    }
}

/// Where a thread is to run.
fn place(thread: &Thread) -> CpuId {
    let last = thread.last_cpu();
    if thread.is_on_cpu() {
        return last;
    }
    let idle = IDLE.load(Ordering::Relaxed); // a hint: where it is wrong, somebody steals
    if idle == 0 || idle >> last.0 & 1 != 0 { last } else { CpuId(idle.trailing_zeros() as u8) }
}

fn push(cpu: CpuId, thread: Arc<Thread>, irq: &IrqOff) {
    let queue = QUEUES.of(cpu);
    let mut threads = queue.threads.lock_with(irq);
    if thread.is_urgent() {
        threads.push_front(thread);
        switching::be_due(cpu);
    } else {
        threads.push(thread);
    }
    queue.len.store(queue.len.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The next thread of this CPU's own queue.
#[inline]
pub(super) fn pop(irq: &IrqOff) -> Option<Arc<Thread>> {
    take(QUEUES.this(irq), irq, ThreadList::pop)
}

fn take(
    queue: &Queue,
    irq: &IrqOff,
    take: impl FnOnce(&mut ThreadList) -> Option<Arc<Thread>>,
) -> Option<Arc<Thread>> {
    let mut threads = queue.threads.lock_with(irq);
    let thread = take(&mut threads)?;
    queue.len.store(queue.len.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    Some(thread)
}

/// Whether a thread is ready in this CPU's own queue.
#[inline]
pub(super) fn has_ready(irq: &IrqOff) -> bool {
    !QUEUES.this(irq).threads.lock_with(irq).is_empty()
}

/// Whether no thread can run: none is ready, and all CPUs idle. A hint: true for a moment at most.
pub(super) fn all_idle() -> bool {
    let idle = IDLE.load(Ordering::Relaxed);
    percpu::online().all(|cpu| idle >> cpu.0 & 1 != 0 && QUEUES.of(cpu).len.load(Ordering::Relaxed) == 0)
}

/// A thread from the longest of the other queues.
pub(super) fn steal(irq: &IrqOff) -> Option<Arc<Thread>> {
    if percpu::online_count() == 1 {
        return None;
    }
    let here = percpu::this_cpu(irq);
    let others = percpu::online().filter(|cpu| *cpu != here);
    let (len, victim) = others.map(|cpu| (QUEUES.of(cpu).len.load(Ordering::Relaxed), cpu)).max()?;
    if len == 0 {
        return None;
    }
    take(QUEUES.of(victim), irq, |threads| threads.take_first(|thread| !thread.is_on_cpu()))
}

/// This CPU halts next, unless its queue has a thread: look after this.
pub(super) fn set_idle(irq: &IrqOff) {
    // AcqRel, as in `clear_idle`: the queue's lock orders the two sides, see `IDLE`.
    IDLE.fetch_or(1 << percpu::this_cpu(irq).0, Ordering::AcqRel);
}

/// `cpu` halts no more, or will be woken by the caller. True: it was set.
pub(super) fn clear_idle(cpu: CpuId) -> bool {
    let bit = 1 << cpu.0;
    // Looked at first: the line is not written for nothing.
    IDLE.load(Ordering::Relaxed) & bit != 0 && IDLE.fetch_and(!bit, Ordering::AcqRel) & bit != 0
}
