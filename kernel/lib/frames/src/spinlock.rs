//! The spin lock of magazines and pool: one locked instruction to take, a plain store to give back.
//!
//! Key types: [`SpinLock`], and [`Clock`], which is told of those who found it held. Callers keep interrupts or preemption off while they hold it; that is their affair, not the lock's.

use core::marker::PhantomData;
use fl_model::{AtomicBool, Ordering, UnsafeCell, const_fn, mutant};

/// Which of a cache's locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheLock {
    /// A magazine's: an owner against those who drain.
    Magazine,
    /// The pool's.
    Pool,
    /// That of the stock of zeroed frames.
    Stock,
}

/// What waiting for a lock is measured with, and who is told.
pub trait Clock {
    /// The time now, in ticks of whatever length.
    fn now() -> u64;
    /// This CPU wanted a lock that another one held, has spun for so many ticks, and holds it now.
    fn waited(lock: CacheLock, ticks: u64);
}

/// No clock: nobody is told.
#[derive(Debug)]
pub enum NoClock {}

impl Clock for NoClock {
    fn now() -> u64 {
        0
    }
    fn waited(_: CacheLock, _: u64) {}
}

/// A value that is reached only by the holder of the lock around it.
///
/// The lock is unfair, and meant for sections of some dozen instructions that are seldom contended.
pub(crate) struct SpinLock<T, C> {
    /// Whether somebody holds the lock.
    held: AtomicBool,
    value: UnsafeCell<T>,
    /// For who waits: nobody else looks at it.
    which: CacheLock,
    clock: PhantomData<fn() -> C>,
}

// SAFETY: the lock hands out the value to one thread at a time, so sharing the lock needs no more than sending the value.
unsafe impl<T: Send, C> Sync for SpinLock<T, C> {}

impl<T, C: Clock> SpinLock<T, C> {
    const_fn! {
        /// An open lock around `value`.
        pub(crate) const fn new(value: T, which: CacheLock) -> Self {
            Self {
                held: AtomicBool::new(false),
                value: UnsafeCell::new(value),
                which,
                clock: PhantomData,
            }
        }
    }

    /// Runs `f` on the value while holding the lock. Spins as long as another CPU holds it; taking it again inside `f`
    /// would never end. Should `f` panic the lock stays held: the kernel does not go on after a panic.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        if !self.try_take() {
            self.wait();
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

    /// Takes the lock, which was held, and tells of it.
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let begun = C::now();
        self.take_contended();
        C::waited(self.which, C::now().saturating_sub(begun));
    }

    /// Watches the lock without writing its line until it is seen open, waiting longer after each failure.
    #[cfg(not(loom))]
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

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use super::*;
    use core::sync::atomic::AtomicU64 as Ticks;
    use core::sync::atomic::Ordering::SeqCst;

    static TICKS: Ticks = Ticks::new(0);
    static TOLD: Ticks = Ticks::new(0);

    /// Ten ticks later each time it is looked at.
    enum Ticking {}

    impl Clock for Ticking {
        fn now() -> u64 {
            TICKS.fetch_add(10, SeqCst)
        }
        fn waited(lock: CacheLock, ticks: u64) {
            assert_eq!(lock, CacheLock::Pool);
            TOLD.fetch_add(1000 + ticks, SeqCst);
        }
    }

    #[test]
    fn who_finds_the_lock_held_is_told_of_and_nobody_else() {
        let lock = SpinLock::<u32, Ticking>::new(0, CacheLock::Pool);
        lock.with(|value| *value += 1);
        assert_eq!(TOLD.load(SeqCst), 0);
        std::thread::scope(|threads| {
            lock.with(|value| {
                threads.spawn(|| lock.with(|value| *value += 1));
                // The clock is first looked at by the other thread, when it begins to wait.
                while TICKS.load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                *value += 1;
            });
        });
        assert_eq!((lock.with(|value| *value), TOLD.load(SeqCst)), (3, 1010), "one wait of ten ticks");
    }
}
