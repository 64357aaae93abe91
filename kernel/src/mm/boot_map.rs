//! The kernel's own page table and the division of memory, made once at boot.

use super::early::Early;
use super::layout::{self, Budget, MMIO, STACKS};
use super::{frames, heap, page_table, stacks};
use crate::arch::{apic, boot, paging};
use core::fmt;
use fl_addr::{PAGE_SIZE, Pfn, PhysAddr, VirtAddr};
use fl_paging::{ENTRIES, PageSize, PteFlags, RangeError, map_range};

/// Kernel frames when nothing is asked for: at least 4 MiB, for heap, stacks and tables of a few processes.
const KERNEL_MIN: u32 = 1024;
/// The part of the kernel frames that becomes the heap: half. With a swap space several times the memory most of it is for pages that are swapped
/// out, a quarter of a KiB each; the other half is for stacks and page tables.
const HEAP_SHARE: u32 = 2;
/// Smallest heap worth having, in frames.
const HEAP_MIN: u32 = 64;

/// Why memory could not be set up.
#[derive(Debug)]
pub enum MemoryError {
    /// Less memory than the kernel itself needs.
    TooLittle,
    /// The asked-for budgets exceed what there is: frames asked for, frames there.
    Budget {
        /// Asked for on the command line, both classes.
        asked: u32,
        /// What is left after the kernel's own tables.
        there: u32,
    },
    /// The bootloader's direct map lies where this kernel has something else: its offset.
    DirectMap(u64),
    /// The bootloader's map cannot be mapped.
    Map(RangeError),
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittle => write!(
                f,
                "too little memory: the kernel needs {} frames for itself and at least one for users; give the machine more (--mem)",
                HEAP_MIN * HEAP_SHARE
            ),
            Self::Budget { asked, there } => write!(
                f,
                "{asked} frames asked for (user_frames and kernel_frames together), {there} there; ask for fewer or give the machine more memory (--mem)"
            ),
            Self::DirectMap(offset) => write!(
                f,
                "the bootloader's direct map at {offset:#x} leaves no room for this kernel's own regions (Limine: RANDOMISE_HHDM_BASE=no in the boot entry)"
            ),
            Self::Map(why) => write!(f, "the bootloader's memory map cannot be mapped: {why}"),
        }
    }
}

impl From<RangeError> for MemoryError {
    fn from(e: RangeError) -> Self {
        Self::Map(e)
    }
}

/// Builds and loads the kernel's page table, then hands out the frames. Returns the virtual address of the APIC registers.
pub fn init(info: &boot::BootInfo, budget: Budget, gib_pages: bool) -> Result<VirtAddr, MemoryError> {
    if !layout::has_room_for(info.hhdm, ram_end()) {
        return Err(MemoryError::DirectMap(info.hhdm));
    }
    layout::set_hhdm(info.hhdm);
    let mut early = Early::new(fl_memmap::free(boot::regions()));
    let root = early.take(1).ok_or(MemoryError::TooLittle)?;
    map_ram(&mut early, root, if gib_pages { PageSize::Huge } else { PageSize::Large })?;
    map_image(&mut early, root, info)?;
    let apic = map_apic(&mut early, root)?;
    make_stack_tables(&mut early, root)?;
    // SAFETY: `root` maps the image, all RAM (this stack and the bootloader's data included) and the device pages.
    unsafe { paging::set_root(root) };
    page_table::set_kernel_root(root);
    divide(&mut early, budget)?;
    Ok(apic)
}

/// One past the last byte of RAM.
fn ram_end() -> PhysAddr {
    fl_memmap::mapped(boot::regions()).last().map_or(PhysAddr(0), |r| r.end.start())
}

/// All RAM, writable and not executable, in the largest pages that fit.
fn map_ram(early: &mut Early, root: Pfn, largest: PageSize) -> Result<(), MemoryError> {
    let flags = PteFlags::WRITE | PteFlags::NX | PteFlags::GLOBAL;
    for range in fl_memmap::mapped(boot::regions()) {
        let (start, end) = (range.start.start(), range.end.start());
        map_range(early, root, layout::direct(start), start, end - start, flags, largest)?;
    }
    Ok(())
}

/// The image with the rights of its sections.
fn map_image(early: &mut Early, root: Pfn, info: &boot::BootInfo) -> Result<(), MemoryError> {
    let parts = [
        (layout::text(), PteFlags::GLOBAL),
        (layout::rodata(), PteFlags::GLOBAL | PteFlags::NX),
        (layout::data(), PteFlags::GLOBAL | PteFlags::NX | PteFlags::WRITE),
    ];
    for (section, flags) in parts {
        let phys = info.kernel_phys + (section.start.0 - info.kernel_virt);
        map_range(early, root, section.start, phys, section.len(), flags, PageSize::Small)?;
    }
    Ok(())
}

fn map_apic(early: &mut Early, root: Pfn) -> Result<VirtAddr, MemoryError> {
    let flags = PteFlags::WRITE | PteFlags::NX | PteFlags::GLOBAL | PteFlags::PCD | PteFlags::PWT;
    map_range(early, root, MMIO, apic::physical_base(), PAGE_SIZE as u64, flags, PageSize::Small)?;
    Ok(MMIO)
}

/// Makes all page tables of the stack region now, so that every space copies its root slot, stacks appear everywhere, and
/// threads cost the same frames whether they come first or last.
fn make_stack_tables(early: &mut Early, root: Pfn) -> Result<(), MemoryError> {
    const TABLE_SPAN: u64 = (ENTRIES * PAGE_SIZE) as u64;
    for offset in (0..stacks::REGION).step_by(TABLE_SPAN as usize) {
        let at = STACKS + offset;
        // Any frame will do: the entry is taken away again, the tables above it stay.
        map_range(early, root, at, root.start(), PAGE_SIZE as u64, PteFlags::NX, PageSize::Small)?;
        fl_paging::unmap(early, root, at.vpn());
    }
    Ok(())
}

/// Divides what is left: bookkeeping, heap, kernel frames, user frames.
fn divide(early: &mut Early, budget: Budget) -> Result<(), MemoryError> {
    let span = early.span();
    frames::reserve_bookkeeping(early, span).ok_or(MemoryError::TooLittle)?;
    let there = early.left();
    let user = budget.user.unwrap_or((there / 2).min(there.saturating_sub(KERNEL_MIN)));
    let kernel = budget.kernel.unwrap_or(user.max(KERNEL_MIN).min(there.saturating_sub(user)));
    let asked = user.saturating_add(kernel);
    if asked > there {
        return Err(MemoryError::Budget { asked, there });
    }
    let heap = kernel / HEAP_SHARE;
    if heap < HEAP_MIN || user == 0 {
        return Err(MemoryError::TooLittle);
    }
    let first = early.take(heap).ok_or(MemoryError::TooLittle)?;
    // SAFETY: these frames are nobody else's, contiguous in the direct map, and stay.
    unsafe { heap::init(frames::bytes_of(first, heap)) };
    frames::init(kernel - heap, user, early.drain());
    Ok(())
}
