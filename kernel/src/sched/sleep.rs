//! Sleeping for a number of ticks, and the tick count itself.

use super::run_queue;
use super::switching;
use super::thread_list::ThreadList;
use crate::sync::{LockClass, SpinLock};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Timer interrupts of the boot processor since boot. Relaxed: a clock, it orders nothing.
static TICKS: AtomicU64 = AtomicU64::new(0);

static SLEEPERS: SpinLock<ThreadList> = SpinLock::new(LockClass::Sleepers, ThreadList::new());

/// Ticks since boot, [`crate::time::TICK_HZ`] per second.
pub fn ticks() -> u64 {
    TICKS.load(Relaxed)
}

/// Sleeps until the `n`th tick from now: `sleep(1)` wakes at the next tick.
pub fn sleep(n: u64) {
    let mut sleepers = SLEEPERS.lock();
    let me = switching::current_arc(sleepers.irq());
    me.wake_at.store(ticks() + n, Relaxed); // Relaxed: guarded by the sleepers' lock
    sleepers.push(me);
    let irq = sleepers.unlock_keeping_irq_off();
    switching::schedule(&irq);
}

/// Counts a tick and wakes whose time has come. In the timer interrupt of the boot processor.
pub(super) fn advance() {
    let now = TICKS.fetch_add(1, Relaxed) + 1;
    let mut sleepers = SLEEPERS.lock();
    if sleepers.is_empty() {
        return;
    }
    let mut woken = sleepers.take_where(|t| t.wake_at.load(Relaxed) <= now);
    drop(sleepers);
    while let Some(thread) = woken.pop() {
        run_queue::make_ready(thread);
    }
}
