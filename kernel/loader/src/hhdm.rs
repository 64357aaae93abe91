//! The higher-half direct map (HHDM): which physical memory appears at [`OFFSET`], and in which page sizes.
//!
//! Key functions: [`ranges`] (policy by base revision), [`pages`] (cut into 2 MiB and 4 KiB pages).
//! `machine::page_tables` enters them. The loader only ever turns usable memory into its own or the kernel's,
//! and all three are mapped, so the ranges can be planned from the firmware's map, before the final one is
//! known.

use crate::error::LoadError;
use crate::memory_map::{MAX_REGIONS, MemoryMap, RegionKind, Span};
use crate::protocol::BaseRevision;
use fl_addr::{PAGE_SIZE, PhysAddr, VirtAddr};
use heapless::Vec;

/// Virtual address of physical address 0: the lowest of the upper half with 4-level paging.
pub const OFFSET: u64 = 0xffff_8000_0000_0000;

/// Below this address everything is identity-mapped while the loader runs, and base revisions below 3
/// direct-map all of it.
pub const FOUR_GIB: u64 = 1 << 32;

/// The sizes the direct map uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB, entered in a page table.
    Small,
    /// 2 MiB, entered in a page directory.
    Large,
}

impl PageSize {
    /// Size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Small => PAGE_SIZE as u64,
            Self::Large => 2 << 20,
        }
    }
}

/// Where physical address `phys` appears in the direct map.
pub const fn alias(phys: PhysAddr) -> VirtAddr {
    VirtAddr(OFFSET + phys.0)
}

/// The memory the direct map covers, sorted, page-aligned and disjoint. Revision 2: all of the first 4 GiB,
/// and above it whatever is neither reserved nor bad. Revision 3: only what is usable, the loader's or the
/// kernel's.
///
/// # Errors
/// [`LoadError::MemoryMapFull`].
pub fn ranges(map: &MemoryMap, revision: BaseRevision) -> Result<Vec<Span, MAX_REGIONS>, LoadError> {
    let mut ranges: Vec<Span, MAX_REGIONS> = Vec::new();
    let mut floor = PhysAddr(0);
    if revision == BaseRevision::Two {
        floor = PhysAddr(FOUR_GIB);
        ranges.push(Span { start: PhysAddr(0), end: floor }).map_err(|_| LoadError::MemoryMapFull)?;
    }
    for region in map.regions().iter().filter(|r| is_mapped(r.kind, revision)) {
        let span = Span { start: region.span.start.max(floor), ..region.span };
        match ranges.last_mut() {
            _ if span.is_empty() => {}
            Some(last) if last.end == span.start => last.end = span.end,
            _ => ranges.push(span).map_err(|_| LoadError::MemoryMapFull)?,
        }
    }
    Ok(ranges)
}

fn is_mapped(kind: RegionKind, revision: BaseRevision) -> bool {
    use RegionKind::*;
    match revision {
        BaseRevision::Two => !matches!(kind, Reserved | Bad),
        BaseRevision::Three => matches!(kind, Usable | BootloaderReclaimable | ExecutableAndModules),
    }
}

/// `span` (page-aligned) cut into pages, large ones wherever one is aligned and fits.
pub fn pages(span: Span) -> impl Iterator<Item = (PhysAddr, PageSize)> {
    let mut at = span.start;
    core::iter::from_fn(move || {
        let left = span.end.0.checked_sub(at.0).filter(|&left| left > 0)?;
        let large = PageSize::Large.bytes();
        let size =
            if at.0.is_multiple_of(large) && left >= large { PageSize::Large } else { PageSize::Small };
        let page = (at, size);
        at = at + size.bytes();
        Some(page)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_map::FirmwareEntry;
    use proptest::prelude::*;

    /// 3 GiB below the hole, 1 GiB above, as `-m 4096` gives, with a reserved region in each.
    fn four_gib_machine() -> MemoryMap {
        let e = |base, end, kind| FirmwareEntry { base, length: end - base, kind };
        MemoryMap::from_firmware(
            [
                e(0, 0x9_fc00, 1),
                e(0xf_0000, 0x10_0000, 2),
                e(0x10_0000, 0xbffe_0000, 1),
                e(0xbffe_0000, 0xc000_0000, 2),
                e(0x1_0000_0000, 0x1_4000_0000, 1),
                e(0xfd_0000_0000, 0x100_0000_0000, 2),
            ]
            .into_iter(),
        )
        .unwrap()
    }

    #[test]
    fn revision_2_maps_four_gib_and_the_memory_above() {
        let ranges = ranges(&four_gib_machine(), BaseRevision::Two).unwrap();
        assert_eq!(ranges, [Span::new(0, 0x1_4000_0000)]);
    }

    #[test]
    fn revision_3_maps_only_ram() {
        let ranges = ranges(&four_gib_machine(), BaseRevision::Three).unwrap();
        let expected = [
            Span::new(0x1000, 0x9_f000),
            Span::new(0x10_0000, 0xbffe_0000),
            Span::new(0x1_0000_0000, 0x1_4000_0000),
        ];
        assert_eq!(ranges, expected);
    }

    #[test]
    fn carving_usable_memory_changes_no_range() {
        for revision in [BaseRevision::Two, BaseRevision::Three] {
            let before = four_gib_machine();
            let mut after = before.clone();
            after.set(Span::new(0x10_0000, 0x11_0000), RegionKind::BootloaderReclaimable).unwrap();
            after.set(Span::new(0x20_0000, 0x25_0000), RegionKind::ExecutableAndModules).unwrap();
            assert_eq!(ranges(&before, revision).unwrap(), ranges(&after, revision).unwrap());
        }
    }

    proptest! {
        #[test]
        fn pages_tile_the_span_without_gap_or_overlap(start in 0u64..2000, len in 0u64..3000) {
            let span = Span::new(start * 4096, (start + len) * 4096);
            let mut at = span.start;
            let mut small = 0;
            for (page, size) in pages(span) {
                prop_assert_eq!(page, at);
                prop_assert_eq!(page.0 % size.bytes(), 0);
                small += u64::from(size == PageSize::Small);
                at = at + size.bytes();
            }
            prop_assert_eq!(at, span.end);
            prop_assert!(small <= 2 * 511, "large pages are used where they fit: {small} small ones");
        }
    }
}
