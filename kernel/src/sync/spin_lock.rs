//! [`SpinLock`]: a `spin` mutex that is only ever held with interrupts off.
//!
//! So an interrupt handler may take any of them, a holder is never preempted, and holding one proves [`IrqOff`].

use crate::arch::interrupts::IrqOff;
use core::ops::{Deref, DerefMut};
use spin::mutex::{SpinMutex, SpinMutexGuard};

/// Mutual exclusion by spinning with interrupts off. No I/O, no waiting, no sleeping under it.
pub struct SpinLock<T: ?Sized> {
    inner: SpinMutex<T>,
}

impl<T> SpinLock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { inner: SpinMutex::new(value) }
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
        SpinGuard { inner: self.inner.lock(), irq }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let irq = IrqOff::new();
        Some(SpinGuard { inner: self.inner.try_lock()?, irq })
    }

    /// Waits for the lock where interrupts are off already, and stay so at least until the guard is gone: saves turning them off once more.
    #[inline]
    pub fn lock_with<'a>(&'a self, _irq: &'a IrqOff) -> LockedWith<'a, T> {
        LockedWith { inner: self.inner.lock() }
    }
}

/// A [`SpinLock`] held by one who had turned interrupts off before.
pub struct LockedWith<'a, T: ?Sized> {
    inner: SpinMutexGuard<'a, T>,
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

/// A held [`SpinLock`]. Dropping it unlocks first and restores interrupts second (field order).
pub struct SpinGuard<'a, T: ?Sized> {
    inner: SpinMutexGuard<'a, T>,
    irq: IrqOff,
}

impl<T: ?Sized> SpinGuard<'_, T> {
    /// The proof that interrupts are off.
    #[inline]
    pub fn irq(&self) -> &IrqOff {
        &self.irq
    }
}

impl<'a, T: ?Sized> SpinGuard<'a, T> {
    /// Unlocks but keeps interrupts off: for going straight on into the scheduler.
    pub fn unlock_keeping_irq_off(self) -> IrqOff {
        let Self { inner, irq } = self;
        drop(inner);
        irq
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
