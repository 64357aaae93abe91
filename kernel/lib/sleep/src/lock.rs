//! [`SleepLock`]: mutual exclusion whose waiters sleep. May be held while faulting, copying and waiting.
//!
//! Free to take and to leave it costs one locked instruction each; the queue is touched only when somebody waits.

use crate::queue::{WaitQueue, Waiters};
use core::ops::{Deref, DerefMut};
use fl_model::{AtomicU8, Ordering, UnsafeCell, mutant};

const FREE: u8 = 0;
const HELD: u8 = 1;
/// Held, and somebody may sleep for it: whoever lets go must look at the queue.
const AWAITED: u8 = 2;

/// A lock held by a thread, not by a CPU.
///
/// No wake-up is lost: a waiter sets AWAITED and enters the queue under the queue's lock; a holder who finds AWAITED when it
/// lets go takes the queue's lock, so it comes after the waiter is in.
pub struct SleepLock<T, W> {
    state: AtomicU8,
    queue: WaitQueue<W>,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached only through the guard, of which there is one at a time.
unsafe impl<T: Send, W: Sync> Sync for SleepLock<T, W> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: Send, W: Send> Send for SleepLock<T, W> {}

impl<T, W: Waiters> SleepLock<T, W> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self { state: AtomicU8::new(FREE), queue: WaitQueue::new(), value: UnsafeCell::new(value) }
    }
    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self { state: AtomicU8::new(FREE), queue: WaitQueue::new(), value: UnsafeCell::new(value) }
    }

    /// Sleeps until the lock is free, then takes it.
    #[inline]
    pub fn lock(&self) -> SleepGuard<'_, T, W> {
        // Acquire, here and below: partner is the Release swap of the guard that let go; what its holder wrote is seen.
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait_for_turn();
        }
        SleepGuard { lock: self }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<SleepGuard<'_, T, W>> {
        // Acquire: as in `lock`.
        let taken = self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then_some(SleepGuard { lock: self })
    }

    /// The lock was held: sleeps until it is taken.
    #[cold]
    fn wait_for_turn(&self) {
        // Who gets it after sleeping leaves AWAITED behind: others may still sleep, one look at the queue too many is harmless.
        self.queue.wait_until(|| {
            let taken = self.state.swap(AWAITED, Ordering::Acquire) == FREE;
            if taken && mutant!("others_forgotten") {
                self.state.store(HELD, Ordering::Relaxed);
            }
            taken
        });
    }

    /// Somebody may sleep for the lock that was let go.
    #[cold]
    fn wake_next(&self) {
        self.queue.wake_one();
    }
}

/// A held [`SleepLock`].
pub struct SleepGuard<'a, T, W: Waiters> {
    lock: &'a SleepLock<T, W>,
}

impl<T, W: Waiters> Deref for SleepGuard<'_, T, W> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard is the one holder, and lives as long as the reference.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T, W: Waiters> DerefMut for SleepGuard<'_, T, W> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the one holder, and lives as long as the reference.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T, W: Waiters> Drop for SleepGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(loom)]
        if fl_model::is_failing() {
            return;
        }
        let order = if mutant!("left_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the exchange or the swap in `lock`.
        if self.lock.state.swap(FREE, order) == AWAITED && !mutant!("nobody_woken") {
            self.lock.wake_next();
        }
    }
}
