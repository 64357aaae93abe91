//! Sleeping for a number of ticks, and the tick count itself.

use super::run_queue;
use super::switching;
use super::thread_list::ThreadList;
use crate::sync::{LockClass, SpinLock};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Timer interrupts of the boot processor since boot. Relaxed: a clock, it orders nothing.
static TICKS: AtomicU64 = AtomicU64::new(0);

static SLEEPERS: SpinLock<ThreadList> = SpinLock::new(LockClass::Sleepers, ThreadList::new());

/// Ticks since boot, [`crate::time::TICK_HZ`] per second.
pub fn ticks() -> u64 {
    TICKS.load(Relaxed)
}

/// In a thread's `wake_at`: or when no thread can run.
const OR_IDLE: u64 = 1 << 63;

/// Somebody sleeps [`OR_IDLE`]. Written under the sleepers' lock; Relaxed: who goes to idle after that has seen it, for it ran on that CPU.
static PAUSING: AtomicBool = AtomicBool::new(false);

/// Sleeps until the `n`th tick from now: `sleep(1)` wakes at the next tick.
pub fn sleep(n: u64) {
    sleep_until(ticks() + n);
}

/// Lets others run: sleeps until the `n`th tick from now, or until no thread can run.
pub fn pause(n: u64) {
    sleep_until((ticks() + n) | OR_IDLE);
}

fn sleep_until(wake_at: u64) {
    let mut sleepers = SLEEPERS.lock();
    let me = switching::current_arc(sleepers.irq());
    me.wake_at.store(wake_at, Relaxed); // Relaxed: guarded by the sleepers' lock
    if wake_at & OR_IDLE != 0 {
        PAUSING.store(true, Relaxed);
    }
    sleepers.push(me);
    let irq = sleepers.unlock_keeping_irq_off();
    switching::schedule(&irq);
}

/// Wakes those who [`pause`]: no thread can run.
pub(super) fn end_pauses() {
    if !PAUSING.load(Relaxed) {
        return;
    }
    let mut sleepers = SLEEPERS.lock();
    PAUSING.store(false, Relaxed);
    let mut woken = sleepers.take_where(|t| t.wake_at.load(Relaxed) & OR_IDLE != 0);
    drop(sleepers);
    while let Some(thread) = woken.pop() {
        run_queue::make_ready(thread);
    }
}

/// Counts a tick and wakes whose time has come. In the timer interrupt of the boot processor.
pub(super) fn advance() {
    let now = TICKS.fetch_add(1, Relaxed) + 1;
    let mut sleepers = SLEEPERS.lock();
    if sleepers.is_empty() {
        return;
    }
    let mut woken = sleepers.take_where(|t| t.wake_at.load(Relaxed) & !OR_IDLE <= now);
    drop(sleepers);
    while let Some(thread) = woken.pop() {
        run_queue::make_ready(thread);
    }
}
