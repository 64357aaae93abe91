//! [`SleepLock`]: mutual exclusion whose waiters sleep. May be held while faulting, copying and waiting.

use super::wait_queue::WaitQueue;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// A lock held by a thread, not by a CPU.
pub struct SleepLock<T> {
    held: AtomicBool,
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
        Self { held: AtomicBool::new(false), queue: WaitQueue::new(), value: UnsafeCell::new(value) }
    }

    /// Sleeps until the lock is free, then takes it.
    pub fn lock(&self) -> SleepGuard<'_, T> {
        // Acquire: partner is the Release store of the guard that let go; what its holder wrote is seen.
        self.queue.wait_until(|| !self.held.swap(true, Ordering::Acquire));
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
        self.lock.held.store(false, Ordering::Release); // partner: the swap in `lock`
        self.lock.queue.wake_one();
    }
}
