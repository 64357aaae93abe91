//! The physical memory map: sorted, page-aligned, without overlaps.
//!
//! [`MemoryMap`] begins as the firmware's map; the loader then marks what it uses with [`MemoryMap::set`],
//! the later word winning. The finished map is what the kernel receives. Neighbours: `machine::multiboot`
//! fills it, [`crate::hhdm`] reads it.

use crate::error::LoadError;
use core::fmt;
use fl_addr::{PAGE_SIZE, PhysAddr};
use heapless::Vec;

/// Most regions a map can have. QEMU's firmware reports about 10 and the loader adds two per module.
pub const MAX_REGIONS: usize = 128;

/// A half-open range of physical addresses, in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: PhysAddr,
    /// One past the last byte; never below `start` in a map.
    pub end: PhysAddr,
}

impl Span {
    /// `start..end`; empty if `end <= start`.
    pub const fn new(start: u64, end: u64) -> Self {
        Self { start: PhysAddr(start), end: PhysAddr(end) }
    }
    /// Length in bytes.
    pub const fn len(self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }
    /// Whether it holds no byte.
    pub const fn is_empty(self) -> bool {
        self.end.0 <= self.start.0
    }
    /// The part that lies in both.
    pub fn intersection(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
    /// Whether every byte of `other` lies in this one.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
    /// Grown to whole pages (an end in the last page of the address space is rounded down).
    pub fn pages_outward(self) -> Self {
        Self { start: self.start.align_down(), end: self.end.align_up().unwrap_or(self.end.align_down()) }
    }
    /// Shrunk to whole pages; may become empty.
    pub fn pages_inward(self) -> Self {
        Self { start: self.start.align_up().unwrap_or(self.end), end: self.end.align_down() }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// What a region may be used for; the numbers are the Limine protocol's (`LIMINE_MEMMAP_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum RegionKind {
    /// Free RAM.
    Usable = 0,
    /// Not to be touched.
    Reserved = 1,
    /// ACPI tables, free once the kernel has read them.
    AcpiReclaimable = 2,
    /// ACPI non-volatile storage.
    AcpiNvs = 3,
    /// Broken RAM.
    Bad = 4,
    /// The loader's own, free once the kernel needs none of its tables, stacks and answers.
    BootloaderReclaimable = 5,
    /// The loaded kernel and all module files.
    ExecutableAndModules = 6,
}

impl RegionKind {
    /// From the type field of a BIOS E820 or multiboot memory map entry; unknown types are reserved (ACPI
    /// 6.4, 15.1).
    pub const fn from_e820(kind: u32) -> Self {
        match kind {
            1 => Self::Usable,
            3 => Self::AcpiReclaimable,
            4 => Self::AcpiNvs,
            5 => Self::Bad,
            _ => Self::Reserved,
        }
    }
}

/// A stretch of memory of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where; page-aligned, never empty.
    pub span: Span,
    /// What for.
    pub kind: RegionKind,
}

/// One entry of the firmware's map.
#[derive(Clone, Copy, Debug)]
pub struct FirmwareEntry {
    /// First byte.
    pub base: u64,
    /// Bytes; `base + length` may wrap in a broken map.
    pub length: u64,
    /// E820 type.
    pub kind: u32,
}

/// Sorted by address, page-aligned, no overlaps, neighbours of one kind merged. Addresses in no region are
/// unknown.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    regions: Vec<Region, MAX_REGIONS>,
}

impl MemoryMap {
    /// The firmware's map made sound: where entries overlap the unusable kind wins, usable regions shrink to
    /// whole pages, and page 0 is never usable (the protocol promises so).
    ///
    /// # Errors
    /// [`LoadError::MemoryMapFull`].
    pub fn from_firmware(entries: impl Iterator<Item = FirmwareEntry> + Clone) -> Result<Self, LoadError> {
        let mut map = Self::default();
        let regions = entries.map(|e| Region {
            span: Span::new(e.base, e.base.saturating_add(e.length)),
            kind: RegionKind::from_e820(e.kind),
        });
        for r in regions.clone().filter(|r| r.kind == RegionKind::Usable) {
            let mut span = r.span.pages_inward();
            span.start = span.start.max(PhysAddr(PAGE_SIZE as u64));
            map.set(span, r.kind)?;
        }
        for r in regions.filter(|r| r.kind != RegionKind::Usable) {
            map.set(r.span.pages_outward(), r.kind)?;
        }
        Ok(map)
    }

    /// All regions, in address order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Makes `span` (page-aligned) one region of `kind`, whatever was there before. An empty span changes
    /// nothing.
    ///
    /// # Errors
    /// [`LoadError::MemoryMapFull`] if two more regions might not fit; the map is then unchanged.
    pub fn set(&mut self, span: Span, kind: RegionKind) -> Result<(), LoadError> {
        if span.is_empty() {
            return Ok(());
        }
        if self.regions.len() + 2 > MAX_REGIONS {
            return Err(LoadError::MemoryMapFull);
        }
        let mut tail = None; // of the one region that reaches beyond the span's end
        for r in self.regions.iter_mut().filter(|r| !r.span.intersection(span).is_empty()) {
            if r.span.end > span.end {
                tail = Some(Region { span: Span { start: span.end, end: r.span.end }, kind: r.kind });
            }
            r.span.end = span.start.max(r.span.start); // keeps the head, if any
        }
        self.regions.retain(|r| !r.span.is_empty());
        let at = self.regions.partition_point(|r| r.span.start < span.start);
        for region in tail.into_iter().chain([Region { span, kind }]) {
            self.regions.insert(at, region).map_err(|_| LoadError::MemoryMapFull)?;
        }
        self.merge_with_next(at);
        self.merge_with_next(at.wrapping_sub(1));
        Ok(())
    }

    /// Makes region `i` and the one after it one, if both exist, touch and are of one kind.
    fn merge_with_next(&mut self, i: usize) {
        let (Some(&a), Some(&b)) = (self.regions.get(i), self.regions.get(i.wrapping_add(1))) else { return };
        if a.kind == b.kind && a.span.end == b.span.start {
            self.regions.remove(i + 1);
            self.regions[i].span.end = b.span.end;
        }
    }

    /// Whether all of `span` is free RAM.
    pub fn is_usable(&self, span: Span) -> bool {
        self.regions.iter().any(|r| r.kind == RegionKind::Usable && r.span.contains(span))
    }

    /// The largest stretch of free RAM inside `window` that touches no page of `occupied`; empty if there is
    /// none.
    ///
    /// # Errors
    /// [`LoadError::MemoryMapFull`].
    pub fn largest_hole(&self, window: Span, occupied: &[Span]) -> Result<Span, LoadError> {
        let mut rest = self.clone();
        for span in occupied {
            rest.set(span.pages_outward(), RegionKind::BootloaderReclaimable)?;
        }
        let holes = rest.regions.iter().filter(|r| r.kind == RegionKind::Usable);
        Ok(holes.map(|r| r.span.intersection(window)).max_by_key(|s| s.len()).unwrap_or(Span::new(0, 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RegionKind::*;
    use proptest::prelude::*;

    const PAGE: u64 = PAGE_SIZE as u64;

    fn region(start: u64, end: u64, kind: RegionKind) -> Region {
        Region { span: Span::new(start, end), kind }
    }

    fn usable(base: u64, length: u64) -> FirmwareEntry {
        FirmwareEntry { base, length, kind: 1 }
    }

    #[test]
    fn a_pc_map_keeps_its_holes_and_loses_page_zero_and_half_pages() {
        let reserved = FirmwareEntry { base: 0x9_fc00, length: 0x400, kind: 2 };
        let map = MemoryMap::from_firmware(
            [usable(0, 0x9_fc00), reserved, usable(0x10_0000, 0xf0_0800)].into_iter(),
        )
        .unwrap();
        assert_eq!(
            map.regions(),
            [
                region(0x1000, 0x9_f000, Usable),
                region(0x9_f000, 0xa_0000, Reserved),
                region(0x10_0000, 0x100_0000, Usable)
            ]
        );
    }

    #[test]
    fn where_entries_overlap_the_unusable_one_wins_in_either_order() {
        let hole = FirmwareEntry { base: 0x5800, length: 0x100, kind: 4 };
        let expected =
            [region(0x1000, 0x5000, Usable), region(0x5000, 0x6000, AcpiNvs), region(0x6000, 0x9000, Usable)];
        for entries in [[usable(0, 0x9000), hole], [hole, usable(0, 0x9000)]] {
            assert_eq!(MemoryMap::from_firmware(entries.into_iter()).unwrap().regions(), expected);
        }
    }

    #[test]
    fn an_entry_that_wraps_around_ends_at_the_top() {
        let map = MemoryMap::from_firmware([usable(u64::MAX - 0x4fff, u64::MAX)].into_iter()).unwrap();
        assert_eq!(map.regions(), [region(u64::MAX - 0x4fff, u64::MAX - 0xfff, Usable)]);
    }

    #[test]
    fn the_hole_avoids_a_module_in_the_middle_and_the_window_edges() {
        let map = MemoryMap::from_firmware([usable(0, 0x100_0000)].into_iter()).unwrap();
        let hole = map.largest_hole(Span::new(0x10_0000, 0x90_0000), &[Span::new(0x30_0010, 0x30_0020)]);
        assert_eq!(hole.unwrap(), Span::new(0x30_1000, 0x90_0000));
    }

    #[test]
    fn a_full_map_is_reported_and_left_as_it_was() {
        let mut map = MemoryMap::default();
        for i in 0..MAX_REGIONS as u64 - 1 {
            map.set(Span::new(2 * i * PAGE, (2 * i + 1) * PAGE), Usable).unwrap();
        }
        let before = map.regions().to_vec();
        assert_eq!(map.set(Span::new(PAGE, 2 * PAGE), Reserved), Err(LoadError::MemoryMapFull));
        assert_eq!(map.regions(), before);
    }

    fn any_kind() -> impl Strategy<Value = RegionKind> {
        prop::sample::select(vec![
            Usable,
            Reserved,
            AcpiReclaimable,
            BootloaderReclaimable,
            ExecutableAndModules,
        ])
    }

    proptest! {
        /// Oracle: an array with one kind per page.
        #[test]
        fn set_agrees_with_a_page_array(ops in prop::collection::vec((0u64..60, 0u64..20, any_kind()), 0..60)) {
            let mut map = MemoryMap::default();
            let mut pages = [None; 80];
            for (start, len, kind) in ops {
                map.set(Span::new(start * PAGE, (start + len) * PAGE), kind).unwrap();
                pages[start as usize..(start + len) as usize].fill(Some(kind));
            }
            for w in map.regions().windows(2) {
                prop_assert!(w[0].span.end <= w[1].span.start, "sorted and disjoint: {w:?}");
                prop_assert!(w[0].span.end < w[1].span.start || w[0].kind != w[1].kind, "merged: {w:?}");
            }
            for (i, page) in pages.iter().enumerate() {
                let here = Span::new(i as u64 * PAGE, (i as u64 + 1) * PAGE);
                let found = map.regions().iter().find(|r| r.span.contains(here)).map(|r| r.kind);
                prop_assert_eq!(found, *page, "page {}", i);
            }
        }

        #[test]
        fn any_firmware_map_becomes_aligned_and_sorted(
            entries in prop::collection::vec((any::<u64>(), any::<u64>(), 0u32..8), 0..20),
        ) {
            let entries = entries.iter().map(|&(base, length, kind)| FirmwareEntry { base, length, kind });
            let map = MemoryMap::from_firmware(entries).unwrap();
            for r in map.regions() {
                prop_assert!(!r.span.is_empty());
                prop_assert_eq!((r.span.start.0 | r.span.end.0) % PAGE, 0);
                prop_assert!(r.kind != Usable || r.span.start.0 >= PAGE);
            }
            for w in map.regions().windows(2) {
                prop_assert!(w[0].span.end <= w[1].span.start);
            }
        }

        #[test]
        fn the_hole_is_usable_and_touches_nothing_occupied(
            spans in prop::collection::vec((0u64..0x100_0000, 0u64..0x10_0000), 0..20),
        ) {
            let map = MemoryMap::from_firmware([usable(0, 0x40_0000), usable(0x50_0000, 0x60_0000)].into_iter()).unwrap();
            let occupied: Vec<Span, 20> = spans.iter().map(|&(s, l)| Span::new(s, s + l)).collect();
            let hole = map.largest_hole(Span::new(0x10_0000, 1 << 32), &occupied).unwrap();
            if !hole.is_empty() {
                prop_assert!(map.is_usable(hole));
                prop_assert!(occupied.iter().all(|o| o.is_empty() || o.intersection(hole).is_empty()));
            }
        }
    }
}
