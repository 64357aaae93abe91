//! Port input and output, one instruction each.

use core::arch::asm;

/// Reads a byte.
///
/// # Safety
/// Reading the port must have no effect that the rest of the loader relies on not happening.
pub unsafe fn inb(port: u16) -> u8 {
    let value;
    // SAFETY: touches no memory; the device side is the caller's promise.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Writes a byte.
///
/// # Safety
/// The write must not make a device touch memory that Rust owns.
pub unsafe fn outb(port: u16, value: u8) {
    // SAFETY: touches no memory; the device side is the caller's promise.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags)) };
}

/// Writes 32 bits.
///
/// # Safety
/// As for [`outb`].
pub unsafe fn outl(port: u16, value: u32) {
    // SAFETY: touches no memory; the device side is the caller's promise.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags)) };
}
