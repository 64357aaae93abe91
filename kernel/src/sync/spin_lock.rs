//! [`SpinLock`]: a `spin` mutex that is only ever held with interrupts off.
//!
//! So an interrupt handler may take any of them, a holder is never preempted, and holding one proves [`IrqOff`]. Each is of a [`LockClass`]: waiting is
//! counted by class, and checked builds watch the [`order`].

use super::order;
use crate::arch::cpu::{ticks_since, tsc};
use crate::arch::interrupts::IrqOff;
use crate::per_cpu;
use crate::percpu::PerCpu;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_trace::locks::{LockClass, LockUse};
use spin::mutex::{SpinMutex, SpinMutexGuard};

/// Mutual exclusion by spinning with interrupts off. No I/O, no waiting, no sleeping under it.
pub struct SpinLock<T: ?Sized> {
    class: LockClass,
    inner: SpinMutex<T>,
}

impl<T> SpinLock<T> {
    /// A free lock of this class around `value`.
    pub const fn new(class: LockClass, value: T) -> Self {
        Self { class, inner: SpinMutex::new(value) }
    }

    /// The value, lock or no lock: for the panic path, which must not wait for a holder that will never run again.
    ///
    /// # Safety
    ///
    /// Every other user of this lock must have been stopped for good.
    #[allow(clippy::mut_from_ref, reason = "the lock's holder, if any, is stopped")]
    pub unsafe fn steal(&self) -> &mut T {
        // SAFETY: exclusive by this function's contract; the value may be half-changed, which its user must expect.
        unsafe { &mut *self.inner.as_mut_ptr() }
    }
}

impl<T: ?Sized> SpinLock<T> {
    /// Turns interrupts off and waits for the lock.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let irq = IrqOff::new();
        let (inner, held) = self.take(&irq);
        SpinGuard { inner, held, irq }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let irq = IrqOff::new();
        let inner = self.inner.try_lock()?;
        let held = Held::new(&irq, self.class, true);
        Some(SpinGuard { inner, held, irq })
    }

    /// Waits for the lock where interrupts are off already, and stay so at least until the guard is gone: saves turning them off once more.
    #[inline]
    pub fn lock_with<'a>(&'a self, irq: &'a IrqOff) -> LockedWith<'a, T> {
        let (inner, _held) = self.take(irq);
        LockedWith { inner, _held }
    }

    #[inline]
    fn take(&self, irq: &IrqOff) -> (SpinMutexGuard<'_, T>, Held) {
        let held = Held::new(irq, self.class, false);
        match self.inner.try_lock() {
            Some(inner) => (inner, held),
            None => (self.contended(irq), held),
        }
    }

    /// Spins, and counts it.
    #[cold]
    #[inline(never)]
    fn contended(&self, irq: &IrqOff) -> SpinMutexGuard<'_, T> {
        let begun = tsc();
        let wanted = SPINS_FOR.this(irq);
        wanted.store(self.class as u8 + 1, Relaxed);
        let inner = self.inner.lock();
        wanted.store(0, Relaxed);
        count_wait(irq, self.class, ticks_since(begun));
        inner
    }
}

/// How one CPU has waited for the locks of a class.
struct Waits {
    contended: AtomicU64,
    spun: AtomicU64,
}

static WAITS: PerCpu<[Waits; LockClass::COUNT]> =
    per_cpu!([const { Waits { contended: AtomicU64::new(0), spun: AtomicU64::new(0) } }; LockClass::COUNT]);

/// The class of the lock that a CPU waits for, plus 1. Relaxed: written by its own CPU, interrupts off; others look at one that is stuck or stopped.
static SPINS_FOR: PerCpu<AtomicU8> = per_cpu!(AtomicU8::new(0));

/// The class of the lock that `cpu` spins for, if it does.
pub fn spins_for(cpu: CpuId) -> Option<LockClass> {
    let class = SPINS_FOR.of(cpu).load(Relaxed).checked_sub(1)?;
    LockClass::ALL.get(usize::from(class)).copied()
}

/// This CPU has spun for so many ticks for a lock of that class that another one held.
pub fn count_wait(irq: &IrqOff, class: LockClass, ticks: u64) {
    let waits = &WAITS.this(irq)[class as usize];
    // Relaxed: this CPU alone writes, interrupts off; readers want a recent value.
    waits.contended.store(waits.contended.load(Relaxed) + 1, Relaxed);
    waits.spun.store(waits.spun.load(Relaxed) + ticks, Relaxed);
}

/// How `cpu` has waited for the locks of a class so far.
pub fn lock_use(cpu: CpuId, class: LockClass) -> LockUse {
    let waits = &WAITS.of(cpu)[class as usize];
    LockUse { class, cpu, contended: waits.contended.load(Relaxed), spun: waits.spun.load(Relaxed) }
}

/// Says while it lives that this CPU holds a lock. Nothing in release builds.
struct Held {
    #[cfg(debug_assertions)]
    class: LockClass,
}

impl Held {
    #[inline]
    fn new(irq: &IrqOff, class: LockClass, try_only: bool) -> Self {
        if cfg!(debug_assertions) {
            order::taking(irq, class, try_only);
        }
        Self {
            #[cfg(debug_assertions)]
            class,
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        order::let_go(&IrqOff::new(), self.class);
    }
}

/// A [`SpinLock`] held by one who had turned interrupts off before.
pub struct LockedWith<'a, T: ?Sized> {
    inner: SpinMutexGuard<'a, T>,
    _held: Held,
}

impl<T: ?Sized> Deref for LockedWith<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for LockedWith<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// A held [`SpinLock`]. Dropping it unlocks first and restores interrupts last (field order).
pub struct SpinGuard<'a, T: ?Sized> {
    inner: SpinMutexGuard<'a, T>,
    held: Held,
    irq: IrqOff,
}

impl<T: ?Sized> SpinGuard<'_, T> {
    /// The proof that interrupts are off.
    #[inline]
    pub fn irq(&self) -> &IrqOff {
        &self.irq
    }

    /// The value, and the proof.
    #[inline]
    pub fn parts(&mut self) -> (&mut T, &IrqOff) {
        (&mut self.inner, &self.irq)
    }
}

impl<'a, T: ?Sized> SpinGuard<'a, T> {
    /// Unlocks but keeps interrupts off: for going straight on into the scheduler.
    pub fn unlock_keeping_irq_off(self) -> IrqOff {
        let Self { inner, held: _held, irq } = self;
        drop(inner);
        irq // and what was noted as held ends behind the lock
    }
}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
