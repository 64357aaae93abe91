//! Interrupts off, proved by a token: [`IrqOff`] is a parameter of whatever needs it.

use core::marker::PhantomData;
use x86_64::instructions::interrupts as hw;

/// While one lives, maskable interrupts are off on this CPU, so this thread is neither interrupted nor preempted.
///
/// Nests: dropping it restores the state found. Not `Send`: it speaks of one CPU.
pub struct IrqOff {
    were_on: bool,
    _cpu: PhantomData<*const ()>,
}

impl IrqOff {
    /// Turns interrupts off.
    #[inline]
    pub fn new() -> Self {
        let were_on = hw::are_enabled();
        hw::disable();
        Self { were_on, _cpu: PhantomData }
    }

    /// Keeps them off for good: for the panic path and for hand-over to another thread's guard.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for IrqOff {
    #[inline]
    fn drop(&mut self) {
        if self.were_on {
            hw::enable();
        }
    }
}

/// Turns interrupts on: for the first moments of a thread, and for system calls and faults that may sleep.
#[inline]
pub fn enable() {
    hw::enable();
}

/// Turns interrupts off without a guard: on the way back to assembly that expects it so.
#[inline]
pub fn disable() {
    hw::disable();
}

/// Whether interrupts are on.
#[inline]
pub fn enabled() -> bool {
    hw::are_enabled()
}

/// Waits for an interrupt; returns with interrupts on. Atomic: an interrupt between the check and the halt wakes it.
#[inline]
pub fn wait() {
    hw::enable_and_hlt();
}
