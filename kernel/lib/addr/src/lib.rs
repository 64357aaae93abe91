//! Newtypes for addresses and indices, so that a frame number is never mistaken for a page number.
//!
//! Key types: [`PhysAddr`], [`VirtAddr`] (bytes), [`Pfn`], [`Vpn`], [`Slot`] (4 KiB units), [`Pid`], [`CpuId`], [`PageId`] (identities).
//! All conversions between them stand in this file. Nothing here allocates, panics on arithmetic is documented at the method.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::{Add, Sub};
use serde::{Deserialize, Serialize};

/// log2 of the page size.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in a page and in a frame (Intel SDM vol. 3A, 4.5: the 4-KByte page).
pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
const OFFSET_MASK: u64 = PAGE_SIZE as u64 - 1;

/// Defines an index or address newtype: a transparent integer with a terse `Debug` (`Pfn(0x12)`).
macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($int:ty), $fmt:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[repr(transparent)]
        pub struct $name(pub $int);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(", $fmt, ")"), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $fmt, self.0)
            }
        }
    };
}

newtype!(
    /// A physical address in bytes.
    PhysAddr(u64), "{:#x}");
newtype!(
    /// A virtual address in bytes. Not necessarily canonical: user-supplied values are allegations until checked.
    VirtAddr(u64), "{:#x}");
newtype!(
    /// A physical frame number: physical address / 4096. 32 bits reach 16 TiB, more than the kernel maps.
    Pfn(u32), "{:#x}");
newtype!(
    /// A virtual page number: virtual address / 4096.
    Vpn(u64), "{:#x}");
newtype!(
    /// A process identifier; 0 means "the kernel". Never reused within one boot.
    Pid(u32), "{}");
newtype!(
    /// A processor, numbered from 0 in the order the kernel brought them up.
    CpuId(u8), "{}");
newtype!(
    /// The identity of a logical page (a Page object). Never reused within one boot; 0 means "no page".
    PageId(u32), "{}");
newtype!(
    /// A slot of the swap area: room for one page, numbered from 0 in the order of the device's sectors.
    Slot(u32), "{}");

impl Pfn {
    /// The first byte of this frame.
    pub const fn start(self) -> PhysAddr {
        PhysAddr((self.0 as u64) << PAGE_SHIFT)
    }
}

impl PhysAddr {
    /// The frame that holds this byte. The address must lie below 16 TiB (checked in debug builds).
    pub const fn pfn(self) -> Pfn {
        debug_assert!(self.0 >> PAGE_SHIFT <= u32::MAX as u64);
        Pfn((self.0 >> PAGE_SHIFT) as u32)
    }
    /// Rounded down to a frame boundary.
    pub const fn align_down(self) -> Self {
        Self(self.0 & !OFFSET_MASK)
    }
    /// Rounded up to a frame boundary, or `None` on wrap-around.
    pub const fn align_up(self) -> Option<Self> {
        match self.0.checked_add(OFFSET_MASK) {
            Some(a) => Some(Self(a & !OFFSET_MASK)),
            None => None,
        }
    }
}

impl VirtAddr {
    /// The page that holds this byte.
    pub const fn vpn(self) -> Vpn {
        Vpn(self.0 >> PAGE_SHIFT)
    }
    /// The distance from the start of its page, in bytes: 0..4096.
    pub const fn page_offset(self) -> usize {
        (self.0 & OFFSET_MASK) as usize
    }
    /// Rounded down to a page boundary.
    pub const fn align_down(self) -> Self {
        Self(self.0 & !OFFSET_MASK)
    }
    /// Whether the address is a multiple of the page size.
    pub const fn is_aligned(self) -> bool {
        self.0 & OFFSET_MASK == 0
    }
    /// `self + bytes`, or `None` on wrap-around.
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(a) => Some(Self(a)),
            None => None,
        }
    }
}

impl Vpn {
    /// The first byte of this page.
    pub const fn start(self) -> VirtAddr {
        VirtAddr(self.0 << PAGE_SHIFT)
    }
    /// Index into the page table of `level` (4 = PML4 ... 1 = page table), 0..512 (Intel SDM vol. 3A, 4.5.4).
    #[inline]
    pub const fn table_index(self, level: u8) -> usize {
        debug_assert!(level >= 1 && level <= 4);
        (self.0 >> (9 * (level as u32 - 1)) & 511) as usize
    }
}

macro_rules! step {
    ($name:ident($int:ty)) => {
        impl Add<$int> for $name {
            type Output = Self;
            fn add(self, n: $int) -> Self {
                Self(self.0 + n)
            }
        }
        impl Sub for $name {
            type Output = $int;
            fn sub(self, other: Self) -> $int {
                self.0 - other.0
            }
        }
    };
}
step!(PhysAddr(u64));
step!(VirtAddr(u64));
step!(Pfn(u32));
step!(Vpn(u64));
step!(Slot(u32));

/// Pages needed to hold `bytes`.
pub const fn pages_for(bytes: u64) -> u64 {
    bytes / PAGE_SIZE as u64 + (bytes & OFFSET_MASK != 0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_splits_into_page_and_offset_and_back() {
        let a = VirtAddr(0x4747_ffff);
        assert_eq!(a.vpn(), Vpn(0x4747f));
        assert_eq!(a.page_offset(), 0xfff);
        assert_eq!(a.vpn().start(), a.align_down());
    }

    #[test]
    fn table_indices_follow_the_manual() {
        let v = VirtAddr(0xffff_8000_0040_3000).vpn();
        assert_eq!([4, 3, 2, 1].map(|l| v.table_index(l)), [256, 0, 2, 3]);
    }

    #[test]
    fn rounding_up_refuses_to_wrap() {
        assert_eq!(PhysAddr(u64::MAX).align_up(), None);
        assert_eq!(PhysAddr(1).align_up(), Some(PhysAddr(4096)));
        assert_eq!(pages_for(u64::MAX), 1 << 52);
        assert_eq!(pages_for(0), 0);
    }
}
