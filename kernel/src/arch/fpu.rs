//! Floating-point and SSE state of a user thread. The kernel itself is compiled without either, so only switches touch it.

use core::arch::asm;

/// The 512-byte FXSAVE image (Intel SDM vol. 1, 10.5).
#[repr(C, align(16))]
#[derive(Clone)]
pub struct FpuState([u8; 512]);

impl FpuState {
    /// What a program finds at its start: all exceptions masked, round to nearest, registers zero.
    pub const fn initial() -> Self {
        let mut image = [0; 512];
        image[0] = 0x7f; // FCW = 0x037f
        image[1] = 0x03;
        image[24] = 0x80; // MXCSR = 0x1f80
        image[25] = 0x1f;
        Self(image)
    }

    /// Saves this CPU's registers here.
    pub fn save(&mut self) {
        // SAFETY: 512 writable bytes aligned to 16; CR4.OSFXSR is set.
        unsafe { asm!("fxsave64 [{}]", in(reg) self.0.as_mut_ptr(), options(nostack, preserves_flags)) };
    }

    /// Loads this CPU's registers from here.
    pub fn restore(&self) {
        // SAFETY: a valid image: made by `initial` or `save`; the kernel keeps nothing in these registers.
        unsafe {
            asm!("fxrstor64 [{}]", in(reg) self.0.as_ptr(), options(nostack, readonly, preserves_flags))
        };
    }
}
