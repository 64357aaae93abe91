//! The address-space register and the translation caches of this CPU.

use fl_addr::{Pfn, Vpn};
use x86_64::PhysAddr;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr2, Cr3, Cr3Flags, Cr4, Cr4Flags};
use x86_64::structures::paging::PhysFrame;

/// The frame of the page-table root in use on this CPU.
pub fn root() -> Pfn {
    fl_addr::PhysAddr(Cr3::read().0.start_address().as_u64()).pfn()
}

/// Switches this CPU to the page table at `root`; drops all translations that are not global.
///
/// # Safety
///
/// The kernel half of that table must equal the kernel's own, and the table must stay until another one is loaded.
pub unsafe fn set_root(root: Pfn) {
    let frame = PhysFrame::containing_address(PhysAddr::new(root.start().0));
    // SAFETY: by this function's contract, everything the kernel uses stays mapped.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

/// Drops this CPU's translation of one page.
#[inline]
pub fn flush(vpn: Vpn) {
    tlb::flush(VirtAddr::new_truncate(vpn.start().0));
}

/// Drops all translations of this CPU that are not global.
#[inline]
pub fn flush_all() {
    tlb::flush_all();
}

/// Drops all translations of this CPU, the kernel's included: switching global pages off and on does (Intel SDM vol. 3A, 4.10.4.1). Interrupts off.
pub fn flush_global() {
    let with = Cr4::read();
    // SAFETY: the bit decides what is cached, not what is mapped.
    unsafe {
        Cr4::write(with - Cr4Flags::PAGE_GLOBAL);
        Cr4::write(with);
    }
}

/// The address of the last page fault. Read it before interrupts are turned on.
#[inline]
pub fn fault_address() -> fl_addr::VirtAddr {
    fl_addr::VirtAddr(Cr2::read_raw())
}
