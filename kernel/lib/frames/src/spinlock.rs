//! The spin lock of magazines and pool: one locked instruction to take, a plain store to give back.
//!
//! Key types: [`SpinLock`], and [`Waits`], what it counts of those who found it held. Callers keep interrupts or preemption off while they hold it; that is their affair, not the lock's.

use core::iter::Sum;
use core::marker::PhantomData;
use fl_model::{AtomicBool, AtomicU64, Ordering, UnsafeCell, const_fn, mutant};

/// What waiting for a lock is measured with.
pub trait Clock {
    /// The time now, in ticks of whatever length.
    fn now() -> u64;
}

/// No clock: waits are counted, and take no time.
#[derive(Debug)]
pub enum NoClock {}

impl Clock for NoClock {
    fn now() -> u64 {
        0
    }
}

/// How a lock was waited for, or several.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Waits {
    /// How often it was held by another CPU when it was wanted.
    pub contended: u64,
    /// Ticks spent spinning for it.
    pub spun: u64,
}

impl Sum for Waits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            contended: sum.contended + one.contended,
            spun: sum.spun + one.spun,
        })
    }
}

/// A value that is reached only by the holder of the lock around it.
///
/// The lock is unfair, and meant for sections of some dozen instructions that are seldom contended.
pub(crate) struct SpinLock<T, C> {
    /// Whether somebody holds the lock.
    held: AtomicBool,
    value: UnsafeCell<T>,
    /// What [`Waits`] tells. Written by whoever has waited, with the lock held, so plain stores suffice; who does not wait does not touch them.
    contended: AtomicU64,
    spun: AtomicU64,
    clock: PhantomData<fn() -> C>,
}

// SAFETY: the lock hands out the value to one thread at a time, so sharing the lock needs no more than sending the value.
unsafe impl<T: Send, C> Sync for SpinLock<T, C> {}

impl<T, C: Clock> SpinLock<T, C> {
    const_fn! {
        /// An open lock around `value`.
        pub(crate) const fn new(value: T) -> Self {
            Self {
                held: AtomicBool::new(false),
                value: UnsafeCell::new(value),
                contended: AtomicU64::new(0),
                spun: AtomicU64::new(0),
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

    /// How it was waited for so far. May be outdated on return.
    pub(crate) fn waits(&self) -> Waits {
        Waits { contended: self.contended.load(Ordering::Relaxed), spun: self.spun.load(Ordering::Relaxed) }
    }

    /// Takes the lock, which was held, and counts that.
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let begun = C::now();
        self.take_contended();
        let add = |to: &AtomicU64, n: u64| to.store(to.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        add(&self.contended, 1);
        add(&self.spun, C::now().saturating_sub(begun));
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

    /// Ten ticks later each time it is looked at.
    enum Ticking {}

    impl Clock for Ticking {
        fn now() -> u64 {
            TICKS.fetch_add(10, SeqCst)
        }
    }

    #[test]
    fn who_finds_the_lock_held_is_counted_and_nobody_else() {
        let lock = SpinLock::<u32, Ticking>::new(0);
        lock.with(|value| *value += 1);
        assert_eq!(lock.waits(), Waits::default());
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
        assert_eq!((lock.with(|value| *value), lock.waits()), (3, Waits { contended: 1, spun: 10 }));
    }
}
