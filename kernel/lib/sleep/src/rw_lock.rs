//! [`SleepRwLock`]: one writer or any number of readers, all of whom may sleep while they hold it.
//!
//! Composed of what is there: a [`SleepLock`] for the turn and a count of readers. A writer keeps the turn while it waits for the readers before
//! it, so later readers wait behind it and nobody starves.

use crate::lock::{SleepGuard, SleepLock};
use crate::queue::{WaitQueue, Waiters};
use core::ops::{Deref, DerefMut};
use fl_model::{AtomicU32, Ordering, UnsafeCell, mutant};

/// A lock for readers and writers, held by threads.
pub struct SleepRwLock<T, W> {
    /// Held by a reader while it comes in, by a writer until it is done.
    turn: SleepLock<(), W>,
    /// Readers inside. Raised with the turn in hand only.
    readers: AtomicU32,
    /// The writer that has the turn and waits for readers to leave.
    writer: WaitQueue<W>,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached through guards only: many that read, or one that writes.
unsafe impl<T: Send + Sync, W: Sync> Sync for SleepRwLock<T, W> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: Send, W: Send> Send for SleepRwLock<T, W> {}

impl<T, W: Waiters> SleepRwLock<T, W> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            turn: SleepLock::new(()),
            readers: AtomicU32::new(0),
            writer: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }
    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            turn: SleepLock::new(()),
            readers: AtomicU32::new(0),
            writer: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Sleeps until no writer holds it or waited before.
    #[inline]
    pub fn read(&self) -> ReadGuard<'_, T, W> {
        self.enter(self.turn.lock())
    }

    /// [`read`](Self::read), if no writer holds it or waits.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T, W>> {
        self.turn.try_lock().map(|turn| self.enter(turn))
    }

    #[inline]
    fn enter(&self, turn: SleepGuard<'_, (), W>) -> ReadGuard<'_, T, W> {
        if mutant!("reader_counted_late") {
            drop(turn);
            self.readers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.readers.fetch_add(1, Ordering::Relaxed); // Relaxed: letting go of the turn shows it to the next writer
            drop(turn);
        }
        ReadGuard { lock: self }
    }

    /// Sleeps until nobody holds it.
    pub fn write(&self) -> WriteGuard<'_, T, W> {
        let turn = self.turn.lock();
        // Acquire: partner is the Release of the last reader's guard; what it read was read before what is written now.
        self.writer
            .wait_until(|| self.readers.load(Ordering::Acquire) == 0 || mutant!("writer_does_not_wait"));
        WriteGuard { value: &self.value, _turn: turn }
    }
}

/// A [`SleepRwLock`] held for reading.
pub struct ReadGuard<'a, T, W: Waiters> {
    lock: &'a SleepRwLock<T, W>,
}

impl<T, W: Waiters> Deref for ReadGuard<'_, T, W> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a writer waits until the count of readers, of whom this is one, is 0.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T, W: Waiters> Drop for ReadGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(loom)]
        if fl_model::is_failing() {
            return;
        }
        let order = if mutant!("reader_left_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the writer's Acquire. The other readers' releases are in the same sequence.
        if self.lock.readers.fetch_sub(1, order) == 1 && !mutant!("writer_not_woken") {
            self.lock.writer.wake_one();
        }
    }
}

/// A [`SleepRwLock`] held for writing.
pub struct WriteGuard<'a, T, W: Waiters> {
    value: &'a UnsafeCell<T>,
    _turn: SleepGuard<'a, (), W>,
}

impl<T, W: Waiters> Deref for WriteGuard<'_, T, W> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the turn keeps others out, and no reader was left.
        self.value.with(|value| unsafe { &*value })
    }
}

impl<T, W: Waiters> DerefMut for WriteGuard<'_, T, W> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}
