//! The spin lock of magazines and pool: one locked instruction to take, a plain store to give back.
//!
//! Key type: [`SpinLock`]. Callers keep interrupts or preemption off while they hold it; that is their affair, not the lock's.

use fl_model::{AtomicBool, Ordering, UnsafeCell, const_fn, mutant};

/// A value that is reached only by the holder of the lock around it.
///
/// The lock is unfair, and meant for sections of some dozen instructions that are seldom contended.
pub(crate) struct SpinLock<T> {
    /// Whether somebody holds the lock.
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out the value to one thread at a time, so sharing the lock needs no more than sending the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    const_fn! {
        /// An open lock around `value`.
        pub(crate) const fn new(value: T) -> Self {
            Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }
    }

    /// Runs `f` on the value while holding the lock. Spins as long as another CPU holds it; taking it again inside `f`
    /// would never end. Should `f` panic the lock stays held: the kernel does not go on after a panic.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        if !self.try_take() {
            self.take_contended();
        }
        // SAFETY: `held` was false and is true now by our doing, so nobody else is between here and the store below.
        let result = self.value.with_mut(|value| f(unsafe { &mut *value }));
        let order = if mutant!("unlock_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the Acquire of the next `try_take`, which sees all we did to the value.
        self.held.store(false, order);
        result
    }

    #[inline]
    fn try_take(&self) -> bool {
        if mutant!("lock_test_then_set") {
            let free = !self.held.load(Ordering::Acquire);
            self.held.store(true, Ordering::Relaxed);
            return free;
        }
        // Acquire: partner is the Release store that opened the lock. The one locked instruction of the owner path.
        // Relaxed on failure: then nothing is read.
        self.held.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Watches the lock without writing its line until it is seen open, waiting longer after each failure.
    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    fn take_contended(&self) {
        let backoff = crossbeam_utils::Backoff::new();
        loop {
            // Relaxed: only a hint, `try_take` decides.
            while self.held.load(Ordering::Relaxed) {
                backoff.spin();
            }
            if self.try_take() {
                return;
            }
        }
    }

    /// Loom may let a mere load see the old value for ever, so its twin tries without looking first.
    #[cfg(loom)]
    fn take_contended(&self) {
        while !self.try_take() {
            fl_model::yield_now();
        }
    }
}
