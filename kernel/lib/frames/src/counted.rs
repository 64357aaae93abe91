//! A stack of frames behind its lock, with a length that can be read without the lock.
//!
//! Key type: [`Counted`]. Neighbours: [`crate::spinlock`] below; [`crate::FrameCache`] is made of these.

use crate::magazine::Stack;
use crate::pool::Pool;
use crate::spinlock::{CacheLock, Clock, SpinLock};
use fl_model::{AtomicU32, Ordering, const_fn, mutant};

/// A stack of frames behind its lock, and how many it has for those who do not want the lock.
pub(crate) struct Counted<T, C> {
    lock: SpinLock<T, C>,
    /// The length of the stack. Written under the lock only, so plain stores suffice.
    count: AtomicU32,
}

/// What [`Counted`] counts.
pub(crate) trait Length {
    fn length(&self) -> u32;
}

impl<const CAPACITY: usize> Length for Stack<CAPACITY> {
    fn length(&self) -> u32 {
        self.len() as u32
    }
}

impl Length for Pool {
    fn length(&self) -> u32 {
        self.len() as u32
    }
}

impl<T: Length, C: Clock> Counted<T, C> {
    const_fn! {
        /// The stack, which must be empty, behind an open lock.
        pub(crate) const fn new(stack: T, which: CacheLock) -> Self {
            Self { lock: SpinLock::new(stack, which), count: AtomicU32::new(0) }
        }
    }

    /// Runs `f` on the stack under its lock.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        if mutant!("count_after_unlock") {
            let (result, length) = self.lock.with(|stack| (f(stack), stack.length()));
            self.count.store(length, Ordering::Relaxed);
            return result;
        }
        self.lock.with(|stack| {
            let result = f(stack);
            self.count.store(stack.length(), Ordering::Relaxed); // a number only; the lock orders the writers
            result
        })
    }

    /// The length when the lock was last given back. Needs no lock; may be outdated on return.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed) // a number only
    }
}
