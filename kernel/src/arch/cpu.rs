//! One processor's features and control registers, its time-stamp counter, and the word area the entry stubs use.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::{GsBase, KernelGsBase};

/// Whether SMAP is on; the entry stubs and user copies look at it (`stac`/`clac` are undefined without it).
pub(super) static SMAP_ON: AtomicBool = AtomicBool::new(false);

/// Whether the processors have SSE4.2, whose `crc32` works on general registers.
static HAS_CRC32: AtomicBool = AtomicBool::new(false);

/// The protections this processor has and this kernel turned on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Features {
    /// No-execute pages.
    pub nx: bool,
    /// The kernel cannot execute user pages.
    pub smep: bool,
    /// The kernel cannot touch user pages but in a marked copy.
    pub smap: bool,
    /// `sgdt`, `sidt`, `sldt`, `smsw`, `str` are refused in user mode.
    pub umip: bool,
    /// 1 GiB pages.
    pub gib_pages: bool,
}

/// Turns on NX, WP, and SMEP, SMAP, UMIP where the processor has them, and SSE and what XSAVE keeps for user programs.
///
/// Source: Intel SDM vol. 3A 2.5 (control registers), vol. 2 CPUID leaves 7 and 0x8000_0001.
pub fn enable_features() -> Features {
    let leaf7 = if max_leaf() >= 7 { core::arch::x86_64::__cpuid_count(7, 0) } else { zero() };
    let ext1 =
        if max_extended_leaf() >= 0x8000_0001 { core::arch::x86_64::__cpuid(0x8000_0001) } else { zero() };
    let found = Features {
        nx: ext1.edx & 1 << 20 != 0,
        smep: leaf7.ebx & 1 << 7 != 0,
        smap: leaf7.ebx & 1 << 20 != 0,
        umip: leaf7.ecx & 1 << 2 != 0,
        gib_pages: ext1.edx & 1 << 26 != 0,
    };
    let mut cr4 = Cr4::read() | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE | Cr4Flags::PAGE_GLOBAL;
    cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, found.smep);
    cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, found.smap);
    cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, found.umip);
    // SAFETY: each bit is set only where CPUID offers it (SSE is part of x86-64); none invalidates memory that Rust relies
    // on: user pages are touched only by `usercopy`, which brackets its accesses for SMAP.
    unsafe {
        Cr0::update(|cr0| {
            cr0.insert(Cr0Flags::WRITE_PROTECT | Cr0Flags::MONITOR_COPROCESSOR);
            cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
        });
        Cr4::write(cr4);
        Efer::update(|efer| {
            efer.set(EferFlags::NO_EXECUTE_ENABLE, found.nx);
            efer.insert(EferFlags::SYSTEM_CALL_EXTENSIONS);
        });
    }
    super::fpu::enable();
    // Relaxed: processors of one machine have the same; leaf 1 there always is.
    HAS_CRC32.store(core::arch::x86_64::__cpuid(1).ecx & 1 << 20 != 0, Relaxed);
    SMAP_ON.store(found.smap, Relaxed); // Relaxed: set before the first user page exists; other CPUs start later.
    found
}

fn zero() -> core::arch::x86_64::CpuidResult {
    core::arch::x86_64::CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 }
}

fn max_leaf() -> u32 {
    core::arch::x86_64::__cpuid(0).eax
}

fn max_extended_leaf() -> u32 {
    core::arch::x86_64::__cpuid(0x8000_0000).eax
}

/// The time-stamp counter, in ticks. Not serialising: a few instructions of slack are part of every measurement.
#[inline]
pub fn tsc() -> u64 {
    // SAFETY: reading the counter has no side effect; CR4.TSD is clear.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// CRC-32C (Castagnoli) of `bytes`, eight per step. `None`: the processor has no instruction for it.
///
/// Source: Intel SDM vol. 2A, CRC32: the reflected polynomial 0x1EDC6F41 without the inversions before and after.
pub fn crc32c(bytes: &[u8]) -> Option<u32> {
    if !HAS_CRC32.load(Relaxed) {
        return None;
    }
    let (words, tail) = bytes.as_chunks::<8>();
    let mut crc = u64::from(u32::MAX);
    for word in words {
        // SAFETY: SSE4.2 is there; reads and writes registers only.
        unsafe {
            core::arch::asm!("crc32 {}, {}", inout(reg) crc, in(reg) u64::from_le_bytes(*word),
                options(pure, nomem, nostack, preserves_flags));
        }
    }
    let mut crc = crc as u32;
    for byte in tail {
        // SAFETY: as above.
        unsafe {
            core::arch::asm!("crc32 {:e}, {}", inout(reg) crc, in(reg_byte) *byte,
                options(pure, nomem, nostack, preserves_flags));
        }
    }
    Some(!crc)
}

/// Ticks since `at`, a reading of [`tsc`] on this CPU or another. The counters of two CPUs may differ by a little: never less than 0.
#[inline]
pub fn ticks_since(at: u64) -> u64 {
    tsc().saturating_sub(at)
}

/// The words that assembly reaches through GS. First field of the per-CPU area.
#[repr(C)]
pub struct EntryArea {
    /// This structure's own address.
    pub this: *const EntryArea,
    /// Stack for a system call of the running thread.
    pub kernel_rsp: u64,
    /// The user's stack pointer, parked between two instructions of the system-call stub.
    pub user_rsp: u64,
    /// This CPU's number.
    pub cpu: u64,
    /// The running thread, whatever that is to the scheduler. Changed at a switch, interrupts off.
    pub thread: *const (),
}

/// This CPU's number. Meaningful only while the thread cannot move: with interrupts off.
#[inline]
pub fn id() -> usize {
    let cpu: usize;
    // SAFETY: reads `EntryArea::cpu`, constant since boot.
    unsafe {
        core::arch::asm!("mov {}, gs:[{}]", out(reg) cpu, const core::mem::offset_of!(EntryArea, cpu),
            options(nostack, pure, readonly, preserves_flags));
    }
    cpu
}

/// [`EntryArea::thread`]. Good wherever interrupts may come: the thread that asks is the one that runs, on whatever CPU.
#[inline]
pub fn thread() -> *const () {
    let thread;
    // SAFETY: reads one word of this CPU's area, in one instruction.
    unsafe {
        core::arch::asm!("mov {}, gs:[{}]", out(reg) thread, const core::mem::offset_of!(EntryArea, thread),
            options(nostack, readonly, preserves_flags));
    }
    thread
}

/// Points GS at this CPU's area. The user's GS base is zero.
///
/// # Safety
///
/// `area` must live forever and belong to this CPU alone; its `this` must point at itself.
pub unsafe fn set_entry_area(area: *const EntryArea) {
    GsBase::write(x86_64::VirtAddr::from_ptr(area));
    KernelGsBase::write(x86_64::VirtAddr::zero());
}
