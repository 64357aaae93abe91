//! The kernel's virtual address space, and the budgets of physical memory.
//!
//! ```text
//! 0000_0000_0000_1000 .. 0000_0080_0400_0000   user programs
//! HHDM                                          all RAM, by the bootloader's offset (ffff_8000_0000_0000 unless randomised)
//! ffff_f000_0000_0000 .. + 8 MiB                kernel stacks, each below a guard page
//! ffff_f100_0000_0000 ..                        device registers, uncached
//! ffff_ffff_8020_0000 ..                        the kernel image
//! ```

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_addr::{PAGE_SIZE, Pfn, PhysAddr, VirtAddr};

/// Where kernel stacks live: one 512 GiB slot of the root table.
pub const STACKS: VirtAddr = VirtAddr(0xffff_f000_0000_0000);
/// Where device registers are mapped: one slot of the root table.
pub const MMIO: VirtAddr = VirtAddr(0xffff_f100_0000_0000);

/// Frames for each of the two purposes, as asked for on the command line.
#[derive(Clone, Copy, Default, Debug)]
pub struct Budget {
    /// For user pages; `None`: half of what there is.
    pub user: Option<u32>,
    /// For page tables, stacks and heap; `None`: as many as user frames, and at least 1024.
    pub kernel: Option<u32>,
}

/// Bytes that one entry of the root table spans.
const SLOT: u64 = 512 << 30;

/// Whether a direct map of `ram` bytes at `offset` lies in the kernel's half, and apart from stacks, device registers and image.
pub fn has_room_for(offset: u64, ram: PhysAddr) -> bool {
    const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;
    let ours = STACKS.0..MMIO.0 + SLOT;
    let Some(end) = offset.checked_add(ram.0) else { return false };
    let below_image = end <= text().start.0;
    let apart = end <= ours.start || offset >= ours.end;
    offset >= KERNEL_HALF && VirtAddr(offset).is_aligned() && below_image && apart
}

static HHDM: AtomicU64 = AtomicU64::new(0);

/// Sets the direct map's offset. Once, at boot.
pub fn set_hhdm(offset: u64) {
    HHDM.store(offset, Relaxed); // Relaxed: before any other thread or CPU runs
}

/// The direct-map address of a physical one.
#[inline]
pub fn direct(pa: PhysAddr) -> VirtAddr {
    VirtAddr(HHDM.load(Relaxed) + pa.0)
}

/// The bytes of a frame through the direct map. Whether they may be touched is the caller's to know.
#[inline]
pub fn frame_ptr(pfn: Pfn) -> *mut [u8; PAGE_SIZE] {
    direct(pfn.start()).0 as *mut [u8; PAGE_SIZE]
}

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __kernel_end: u8;
    static __build_id_start: u8;
    static __build_id_end: u8;
}

/// A part of the kernel image, from the linker script; page-aligned.
pub struct Section {
    /// First byte.
    pub start: VirtAddr,
    /// One past the last byte.
    pub end: VirtAddr,
}

impl Section {
    fn new(start: *const u8, end: *const u8) -> Self {
        Self { start: VirtAddr(start as u64), end: VirtAddr(end as u64) }
    }
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }
}

/// Code.
pub fn text() -> Section {
    Section::new(&raw const __text_start, &raw const __text_end)
}
/// Constants.
pub fn rodata() -> Section {
    Section::new(&raw const __rodata_start, &raw const __rodata_end)
}
/// Variables.
pub fn data() -> Section {
    Section::new(&raw const __data_start, &raw const __kernel_end)
}

/// The GNU build id of this kernel (20 bytes of SHA-1), zero if the linker made none.
pub fn build_id() -> [u8; 20] {
    /// Note header (three words) and the name "GNU\0" come before the id.
    const HEADER: usize = 16;
    let note = Section::new(&raw const __build_id_start, &raw const __build_id_end);
    let mut id = [0; 20];
    if note.len() as usize >= HEADER + id.len() {
        // SAFETY: the linker script puts the note between the two symbols, in read-only data.
        id = unsafe { *((note.start.0 as usize + HEADER) as *const [u8; 20]) };
    }
    id
}
