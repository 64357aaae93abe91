//! [`map_range`]: maps a long physical range with the largest pages that fit. For the kernel's direct map and its own image.

use crate::map::{install, table_for};
use crate::read::pages_below;
use crate::{MapError, Pte, PteFlags, TableMemory, TableStock};
use core::fmt;
use fl_addr::{PAGE_SHIFT, Pfn, PhysAddr, VirtAddr};

/// The sizes of pages, named by what one leaf covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum PageSize {
    /// 4 KiB, a leaf of level 1.
    Small = 1,
    /// 2 MiB, a leaf of level 2.
    Large = 2,
    /// 1 GiB, a leaf of level 3; only if CPUID.80000001H:EDX bit 26 is set.
    Huge = 3,
}

impl PageSize {
    const DESCENDING: [Self; 3] = [Self::Huge, Self::Large, Self::Small];

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        pages_below(self as u8) << PAGE_SHIFT
    }
}

/// Why a range was not mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeError {
    /// An address or the length is not a multiple of 4096. Nothing was mapped.
    Misaligned,
    /// The range wraps, crosses from one half of the address space into the other, or leaves what frame numbers can name. Nothing was mapped.
    OutOfRange,
    /// The page at `at` could not be mapped; those before it are.
    Map {
        /// First byte that is not mapped.
        at: VirtAddr,
        /// Why.
        why: MapError,
    },
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("the range is not made of whole pages"),
            Self::OutOfRange => f.write_str("the range does not fit into the address space"),
            Self::Map { at, why } => write!(f, "at {at}: {why}"),
        }
    }
}

impl core::error::Error for RangeError {}

/// Maps the `len` bytes from `va` to those from `pa` with `flags` (PRESENT and, where needed, LARGE are added) in pages of at most `max`,
/// the largest that alignment and length allow at each point. Allocates tables from `mem`. Under the page-table lock, or before anybody else runs.
///
/// # Errors
/// See [`RangeError`]. A range that is already mapped, be it by a larger page, is refused at the first page concerned.
pub fn map_range<M: TableMemory + ?Sized>(
    mem: &mut M,
    root: Pfn,
    va: VirtAddr,
    pa: PhysAddr,
    len: u64,
    flags: PteFlags,
    max: PageSize,
) -> Result<(), RangeError> {
    check(va, pa, len)?;
    let mut done = 0;
    while done < len {
        // Cannot wrap: `check` saw the last byte of both ranges.
        let (at, to) = (va + done, pa + done);
        let size = largest(at, to, len - done, max);
        map_leaf(mem, root, at, to, size, flags).map_err(|why| RangeError::Map { at, why })?;
        done += size.bytes();
    }
    Ok(())
}

fn check(va: VirtAddr, pa: PhysAddr, len: u64) -> Result<(), RangeError> {
    if !va.is_aligned() || pa.align_down() != pa || !VirtAddr(len).is_aligned() {
        return Err(RangeError::Misaligned);
    }
    let Some(last) = len.checked_sub(1) else {
        return Ok(());
    };
    let (Some(va_last), Some(pa_last)) = (va.checked_add(last), pa.0.checked_add(last)) else {
        return Err(RangeError::OutOfRange);
    };
    // Canonical addresses (SDM vol. 1, 3.3.7.1): bits 47 to 63 are equal, in both ends alike.
    let half = |a: VirtAddr| (a.0 as i64) >> 47;
    let same_half = half(va) == half(va_last) && matches!(half(va), 0 | -1);
    let named = pa_last >> PAGE_SHIFT <= u64::from(u32::MAX);
    if same_half && named { Ok(()) } else { Err(RangeError::OutOfRange) }
}

/// The largest page up to `max` that starts at both addresses and is no longer than `len`, which is at least one page.
fn largest(va: VirtAddr, pa: PhysAddr, len: u64, max: PageSize) -> PageSize {
    let fits = |s: &PageSize| *s <= max && (va.0 | pa.0) & (s.bytes() - 1) == 0 && s.bytes() <= len;
    PageSize::DESCENDING.into_iter().find(fits).unwrap_or(PageSize::Small)
}

/// Maps one page of any size. An entry that refers to a table is in the way as much as a leaf is.
fn map_leaf<M: TableMemory + ?Sized>(
    mem: &mut M,
    root: Pfn,
    va: VirtAddr,
    pa: PhysAddr,
    size: PageSize,
    flags: PteFlags,
) -> Result<(), MapError> {
    let mut flags = flags | PteFlags::PRESENT;
    flags.set(PteFlags::LARGE, size != PageSize::Small);
    let pte = Pte::new(pa.pfn(), flags);
    let level = size as u8;
    let mut stock = TableStock::new();
    // Level-1 tables are not needed above level 1.
    let missing = crate::missing_tables(mem, root, va.vpn()).saturating_sub(usize::from(level - 1));
    let result = match stock.fill(mem, missing) {
        true => table_for(mem, root, va.vpn(), level, pte.is_user(), &mut stock)
            .and_then(|table| install(mem.entry(table, va.vpn().table_index(level)), pte)),
        false => Err(MapError::NoTable),
    };
    stock.give_back(mem);
    result
}
