//! [`SleepRwLock`]: one writer or any number of readers, all of whom may sleep while they hold it.
//!
//! Composed of what is there: a [`SleepLock`] for the turn and a count of readers. A writer keeps the turn while it waits for the readers before
//! it, so later readers wait behind it and nobody starves.

use super::wait_queue::{SleepGuard, SleepLock, WaitQueue};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

/// A lock for readers and writers, held by threads.
pub struct SleepRwLock<T> {
    /// Held by a reader while it comes in, by a writer until it is done.
    turn: SleepLock<()>,
    /// Readers inside. Raised with the turn in hand only.
    readers: AtomicU32,
    /// The writer that has the turn and waits for readers to leave.
    writer: WaitQueue,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached through guards only: many that read, or one that writes.
unsafe impl<T: Send + Sync> Sync for SleepRwLock<T> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: Send> Send for SleepRwLock<T> {}

impl<T> SleepRwLock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            turn: SleepLock::new(()),
            readers: AtomicU32::new(0),
            writer: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Sleeps until no writer holds it or waited before.
    pub fn read(&self) -> ReadGuard<'_, T> {
        let turn = self.turn.lock();
        self.readers.fetch_add(1, Ordering::Relaxed); // Relaxed: letting go of the turn shows it to the next writer
        drop(turn);
        ReadGuard { lock: self }
    }

    /// [`read`](Self::read), if no writer holds it or waits.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        let turn = self.turn.try_lock()?;
        self.readers.fetch_add(1, Ordering::Relaxed); // as in `read`
        drop(turn);
        Some(ReadGuard { lock: self })
    }

    /// Sleeps until nobody holds it.
    pub fn write(&self) -> WriteGuard<'_, T> {
        let turn = self.turn.lock();
        // Acquire: partner is the Release of the last reader's guard; what it read was read before what is written now.
        self.writer.wait_until(|| self.readers.load(Ordering::Acquire) == 0);
        WriteGuard { value: &self.value, _turn: turn }
    }
}

/// A [`SleepRwLock`] held for reading.
pub struct ReadGuard<'a, T> {
    lock: &'a SleepRwLock<T>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: a writer waits until the count of readers, of whom this is one, is 0.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        if self.lock.readers.fetch_sub(1, Ordering::Release) == 1 {
            self.lock.writer.wake_one();
        }
    }
}

/// A [`SleepRwLock`] held for writing.
pub struct WriteGuard<'a, T> {
    value: &'a UnsafeCell<T>,
    _turn: SleepGuard<'a, ()>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the turn keeps others out, and no reader was left.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.value.get() }
    }
}
