//! Floating-point, SSE and AVX state of a user thread. The kernel itself is compiled without any of it, so the registers always hold
//! the running user thread's, and only switches, fork and exec touch them.
//!
//! With XSAVE in its standard form (Intel SDM vol. 1, 13.4), and FXSAVE where the processor has no XSAVE.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use x86_64::registers::control::{Cr4, Cr4Flags};

/// Bytes of an FXSAVE image, and of the legacy region of an XSAVE area (SDM vol. 1, 10.5).
const LEGACY: usize = 512;
/// Alignment that XSAVE asks for.
const ALIGN: usize = 64;
/// State components kept where the processor has them: x87, SSE, AVX, and the three of AVX-512 (SDM vol. 1, 13.1). All that a
/// program can use without asking the kernel first; none of the others is turned on.
const WANTED: u32 = 0b1110_0111;

/// Components in use: XCR0, or 0 where FXSAVE serves. Relaxed, as `SIZE`: set at boot, before there are threads.
static COMPONENTS: AtomicU32 = AtomicU32::new(0);
/// Bytes of an image.
static SIZE: AtomicU32 = AtomicU32::new(LEGACY as u32);

/// Turns on what there is of XSAVE, on this CPU. SSE is on already.
pub(super) fn enable() {
    /// XSAVE in CPUID leaf 1, ECX.
    const XSAVE: u32 = 1 << 26;
    /// CPUID leaf of the components and the size of their image.
    const AREA: u32 = 0xd;
    if core::arch::x86_64::__cpuid(0).eax < AREA || core::arch::x86_64::__cpuid(1).ecx & XSAVE == 0 {
        return;
    }
    let components = core::arch::x86_64::__cpuid_count(AREA, 0).eax & WANTED;
    // SAFETY: CPUID offers XSAVE, and the components are of those it offers: x87 and SSE always, AVX-512's three together with AVX. The
    // kernel uses none of their registers.
    unsafe {
        Cr4::update(|cr4| cr4.insert(Cr4Flags::OSXSAVE));
        asm!("xsetbv", in("ecx") 0, in("eax") components, in("edx") 0, options(nomem, nostack, preserves_flags));
    }
    COMPONENTS.store(components, Relaxed);
    SIZE.store(core::arch::x86_64::__cpuid_count(AREA, 0).ebx, Relaxed); // for the components in XCR0
}

/// An image of the registers. Owns its memory, from the heap.
pub struct FpuState(NonNull<u8>);
// SAFETY: plain memory, owned.
unsafe impl Send for FpuState {}

impl FpuState {
    /// Bytes of heap that one asks for.
    pub fn size() -> usize {
        SIZE.load(Relaxed) as usize
    }

    fn layout() -> Layout {
        Layout::from_size_align(Self::size(), ALIGN).expect("a power of two, and a few KiB")
    }

    /// What a program finds at its start: registers zero, all exceptions masked, round to nearest. `None`: no heap.
    pub fn initial() -> Option<Self> {
        // SAFETY: the size is not 0.
        let mut state = Self(NonNull::new(unsafe { alloc_zeroed(Self::layout()) })?);
        state.reset();
        Some(state)
    }

    /// What this CPU's registers hold. `None`: no heap.
    pub fn of_registers() -> Option<Self> {
        let mut state = Self::initial()?;
        state.save();
        Some(state)
    }

    /// Makes it the initial state again.
    pub fn reset(&mut self) {
        // SAFETY: the image is ours and at least as long. An XSAVE header of zeroes says that every component is in its initial state;
        // of the rest FXRSTOR reads all, XRSTOR only MXCSR.
        let image = unsafe { core::slice::from_raw_parts_mut(self.0.as_ptr(), Self::size()) };
        image.fill(0);
        image[..2].copy_from_slice(&0x037fu16.to_le_bytes()); // FCW
        image[24..28].copy_from_slice(&0x1f80u32.to_le_bytes()); // MXCSR
    }

    /// Saves this CPU's registers here.
    pub fn save(&mut self) {
        let image = self.0.as_ptr();
        match COMPONENTS.load(Relaxed) {
            // SAFETY: 512 writable bytes aligned to 16; CR4.OSFXSR is set.
            0 => unsafe { asm!("fxsave64 [{}]", in(reg) image, options(nostack, preserves_flags)) },
            // SAFETY: as many writable bytes as these components take, aligned to 64, with a header of zeroes or of an earlier save.
            components => unsafe {
                asm!("xsave64 [{}]", in(reg) image, in("eax") components, in("edx") 0, options(nostack, preserves_flags));
            },
        }
    }

    /// Loads this CPU's registers from here.
    pub fn restore(&self) {
        let image = self.0.as_ptr();
        match COMPONENTS.load(Relaxed) {
            // SAFETY: a valid image: made by `reset` or `save`; the kernel keeps nothing in these registers.
            0 => unsafe {
                asm!("fxrstor64 [{}]", in(reg) image, options(nostack, readonly, preserves_flags));
            },
            // SAFETY: as above.
            components => unsafe {
                asm!("xrstor64 [{}]", in(reg) image, in("eax") components, in("edx") 0, options(nostack, readonly, preserves_flags));
            },
        }
    }
}

impl Drop for FpuState {
    fn drop(&mut self) {
        // SAFETY: allocated by `initial` with this layout, which does not change after boot.
        unsafe { dealloc(self.0.as_ptr(), Self::layout()) };
    }
}
