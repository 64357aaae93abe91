//! Interrupts off, proved by a token: [`IrqOff`] is a parameter of whatever needs it.

use core::arch::asm;
use core::marker::PhantomData;
use x86_64::instructions::interrupts as hw;

/// While one lives, maskable interrupts are off on this CPU, so this thread is neither interrupted nor preempted.
///
/// Nests: dropping it restores the state found. Not `Send`: it speaks of one CPU.
pub struct IrqOff {
    /// RFLAGS as it was found.
    flags: u64,
    _cpu: PhantomData<*const ()>,
}

/// RFLAGS.IF.
const INTERRUPT_FLAG: u64 = 1 << 9;

impl IrqOff {
    /// Turns interrupts off.
    #[inline]
    pub fn new() -> Self {
        let flags: u64;
        // SAFETY: reads the flags and clears IF; the stack word is the instruction's own. No memory access of the caller moves across it.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags, options(preserves_flags)) };
        Self { flags, _cpu: PhantomData }
    }

    /// The token of code that an interrupt gate or the system-call stub has entered with interrupts off already. Dropping it changes nothing.
    #[inline]
    pub fn by_gate() -> Self {
        debug_assert!(!enabled(), "entered with interrupts on");
        Self { flags: 0, _cpu: PhantomData }
    }

    /// Keeps them off for good: for the panic path and for hand-over to another thread's guard.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for IrqOff {
    #[inline]
    fn drop(&mut self) {
        if self.flags & INTERRUPT_FLAG != 0 {
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
