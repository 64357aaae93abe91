//! [`SleepLock`]: mutual exclusion whose waiters sleep. May be held while faulting, copying and waiting.
//!
//! Free to take and to leave it costs one locked instruction each; the queue is touched only when somebody waits.

use super::wait_queue::WaitQueue;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU8, Ordering};

const FREE: u8 = 0;
const HELD: u8 = 1;
/// Held, and somebody may sleep for it: whoever lets go must look at the queue.
const AWAITED: u8 = 2;

/// A lock held by a thread, not by a CPU.
///
/// No wake-up is lost: a waiter sets AWAITED and enters the queue under the queue's lock; a holder who finds AWAITED when it
/// lets go takes the queue's lock, so it comes after the waiter is in.
pub struct SleepLock<T> {
    state: AtomicU8,
    queue: WaitQueue,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached only through the guard, of which there is one at a time.
unsafe impl<T: Send> Sync for SleepLock<T> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: Send> Send for SleepLock<T> {}

impl<T> SleepLock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { state: AtomicU8::new(FREE), queue: WaitQueue::new(), value: UnsafeCell::new(value) }
    }

    /// Sleeps until the lock is free, then takes it.
    pub fn lock(&self) -> SleepGuard<'_, T> {
        // Acquire, here and below: partner is the Release swap of the guard that let go; what its holder wrote is seen.
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            // Who gets it after sleeping leaves AWAITED behind: others may still sleep, one look at the queue too many is harmless.
            self.queue.wait_until(|| self.state.swap(AWAITED, Ordering::Acquire) == FREE);
        }
        SleepGuard { lock: self }
    }
}

/// A held [`SleepLock`].
pub struct SleepGuard<'a, T> {
    lock: &'a SleepLock<T>,
}

impl<T> Deref for SleepGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard is the one holder.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SleepGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the one holder.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SleepGuard<'_, T> {
    fn drop(&mut self) {
        // Release: partner is the exchange or the swap in `lock`.
        if self.lock.state.swap(FREE, Ordering::Release) == AWAITED {
            self.lock.queue.wake_one();
        }
    }
}
