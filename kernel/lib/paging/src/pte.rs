//! [`Pte`]: one entry of a page table of any level, and its flags.
//!
//! Source: Intel SDM vol. 3A, tables 4-15 to 4-20. Layout of a present entry:
//!
//! | bits | leaf | table |
//! |---|---|---|
//! | 0 | present | present |
//! | 1, 2 | writable, user | the same for everything below |
//! | 3, 4 | PWT, PCD (memory type) | of the table itself |
//! | 5 | accessed, set by the CPU | the same |
//! | 6 | dirty, set by the CPU | ignored |
//! | 7 | level 2, 3: 1 = large page; level 1: PAT | 0 |
//! | 8 | global | ignored |
//! | 12..52 | frame | table's frame |
//! | 63 | no execute | the same for everything below |
//!
//! An entry that is not present is 0 here; the CPU ignores its other bits.

use bitflags::bitflags;
use core::fmt;
use fl_addr::{PAGE_SHIFT, Pfn, PhysAddr};

bitflags! {
    /// The flag bits of an entry.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct PteFlags: u64 {
        /// The entry refers to something.
        const PRESENT = 1 << 0;
        /// Writes are allowed.
        const WRITE = 1 << 1;
        /// User mode may use it.
        const USER = 1 << 2;
        /// Page-level write-through.
        const PWT = 1 << 3;
        /// Page-level cache disable.
        const PCD = 1 << 4;
        /// The CPU used the entry for a translation since the bit was cleared.
        const ACCESSED = 1 << 5;
        /// The CPU wrote through the entry since the bit was cleared. Leaves only.
        const DIRTY = 1 << 6;
        /// A leaf at level 2 (2 MiB) or 3 (1 GiB). At level 1 this bit is PAT and stays 0.
        const LARGE = 1 << 7;
        /// The translation survives a load of CR3. Leaves only.
        const GLOBAL = 1 << 8;
        /// Instruction fetches are refused; needs EFER.NXE.
        const NX = 1 << 63;
    }
}

/// An entry of a page table: a value, read or to be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Pte(pub u64);

const _: () = assert!(size_of::<Pte>() == 8);

/// Bits 12..52: the physical address. Frames above what a [`Pfn`] can name (16 TiB) do not occur.
const FRAME_MASK: u64 = ((1 << 52) - 1) & !((1 << PAGE_SHIFT) - 1);

impl Pte {
    /// The entry that refers to nothing.
    pub const EMPTY: Self = Self(0);

    /// An entry for `pfn` with exactly these flags ([`PteFlags::PRESENT`] is not implied). For a large page `pfn` is its first frame.
    #[inline]
    pub const fn new(pfn: Pfn, flags: PteFlags) -> Self {
        Self(pfn.start().0 | flags.bits())
    }

    /// The frame it refers to: a page, the first frame of a large page, or a table. Meaningless if not present.
    #[inline]
    pub const fn pfn(self) -> Pfn {
        PhysAddr(self.0 & FRAME_MASK).pfn()
    }

    /// All its flags.
    #[inline]
    pub const fn flags(self) -> PteFlags {
        PteFlags::from_bits_truncate(self.0)
    }

    /// The same frame with other flags.
    #[inline]
    pub const fn with_flags(self, flags: PteFlags) -> Self {
        Self(self.0 & FRAME_MASK | flags.bits())
    }

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn has(self, flags: PteFlags) -> bool {
        self.flags().contains(flags)
    }

    /// Whether it refers to something.
    #[inline]
    pub const fn is_present(self) -> bool {
        self.has(PteFlags::PRESENT)
    }

    /// Whether writes are allowed by this entry.
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.has(PteFlags::WRITE)
    }

    /// Whether user mode may use it.
    #[inline]
    pub const fn is_user(self) -> bool {
        self.has(PteFlags::USER)
    }

    /// Whether the CPU used it since the bit was cleared.
    #[inline]
    pub const fn is_accessed(self) -> bool {
        self.has(PteFlags::ACCESSED)
    }

    /// Whether the CPU wrote through it since the bit was cleared.
    #[inline]
    pub const fn is_dirty(self) -> bool {
        self.has(PteFlags::DIRTY)
    }

    /// Whether bit 7 is set: at level 2 and 3 a large page.
    #[inline]
    pub const fn is_large(self) -> bool {
        self.has(PteFlags::LARGE)
    }

    /// Whether instruction fetches are allowed by this entry.
    #[inline]
    pub const fn is_executable(self) -> bool {
        !self.has(PteFlags::NX)
    }
}

impl fmt::Debug for Pte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_present() {
            write!(f, "Pte({:?} {:?})", self.pfn(), self.flags())
        } else {
            write!(f, "Pte(-)")
        }
    }
}
