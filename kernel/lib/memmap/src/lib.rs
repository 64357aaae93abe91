//! The bootloader's memory map as ranges of whole frames: [`free`] ones, and those to [`map`](mapped) directly.
//!
//! Firmware's maps are not to be trusted in their form: entries may come in any order, overlap, begin and end within a frame, be
//! empty, wrap, or lie beyond what the kernel can name. A frame is free only if usable memory covers it whole and nothing else
//! touches it; it is mapped if any RAM touches it. No memory is needed: each range is found by looking through the entries again, which
//! is quadratic in their number (a few dozen, once).
#![no_std]
#![forbid(unsafe_code)]

use core::ops::Range;
use fl_addr::{PAGE_SHIFT, Pfn};

/// What an entry's memory is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nobody's: the kernel may take it.
    Usable,
    /// RAM that holds something the kernel reads: the bootloader's data, modules, the kernel itself, ACPI tables.
    Ram,
    /// Anything else: reserved, bad, a frame buffer.
    Other,
}

/// One entry of the bootloader's map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// Its first byte.
    pub base: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What it is for.
    pub kind: Kind,
}

/// One past the last frame that a [`Pfn`] can name.
const FRAMES: u64 = u32::MAX as u64;

impl Region {
    /// Every frame it touches; empty if it is empty or out of reach.
    fn outer(self) -> Range<u64> {
        if self.len == 0 {
            return 0..0;
        }
        let last = self.base.saturating_add(self.len - 1);
        clip(self.base >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1)
    }

    /// Every frame it covers whole.
    fn inner(self) -> Range<u64> {
        let end = self.base.saturating_add(self.len);
        clip(self.base.div_ceil(1 << PAGE_SHIFT), end >> PAGE_SHIFT)
    }
}

fn clip(start: u64, end: u64) -> Range<u64> {
    start.min(FRAMES)..end.min(FRAMES)
}

/// The frames that RAM touches, usable or not: ascending, apart from each other.
pub fn mapped(map: impl Iterator<Item = Region> + Clone) -> impl Iterator<Item = Range<Pfn>> {
    union(map.filter(|r| r.kind != Kind::Other).map(Region::outer)).map(pfns)
}

/// The frames that usable memory covers whole and nothing else touches: ascending, not overlapping.
pub fn free(map: impl Iterator<Item = Region> + Clone) -> impl Iterator<Item = Range<Pfn>> {
    let taken = map.clone().filter(|r| r.kind != Kind::Usable).map(Region::outer);
    let usable = map.filter(|r| r.kind == Kind::Usable).map(Region::inner);
    union(usable).flat_map(move |whole| without(whole, taken.clone())).map(pfns)
}

/// Merges ranges that overlap or meet; gives them in ascending order.
fn union(ranges: impl Iterator<Item = Range<u64>> + Clone) -> impl Iterator<Item = Range<u64>> {
    let mut from = 0;
    core::iter::from_fn(move || {
        let ahead = ranges.clone().filter(|r| !r.is_empty() && r.end > from);
        let start = ahead.clone().map(|r| r.start.max(from)).min()?;
        let mut end = start;
        while let Some(further) = ahead.clone().filter(|r| r.start <= end && r.end > end).map(|r| r.end).max()
        {
            end = further;
        }
        from = end;
        Some(start..end)
    })
}

/// The parts of `whole` that none of `taken` touches, ascending.
fn without(
    whole: Range<u64>,
    taken: impl Iterator<Item = Range<u64>> + Clone,
) -> impl Iterator<Item = Range<u64>> {
    let mut from = whole.start;
    core::iter::from_fn(move || {
        loop {
            if from >= whole.end {
                return None;
            }
            let in_the_way = taken.clone().filter(|t| !t.is_empty());
            if let Some(over) = in_the_way.clone().filter(|t| t.contains(&from)).map(|t| t.end).max() {
                from = over;
                continue;
            }
            let next = in_the_way.map(|t| t.start).filter(|start| *start > from).min();
            let part = from..next.unwrap_or(whole.end).min(whole.end);
            from = part.end;
            return Some(part);
        }
    })
}

/// `clip` made both ends fit.
fn pfns(range: Range<u64>) -> Range<Pfn> {
    Pfn(range.start as u32)..Pfn(range.end as u32)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const PAGE: u64 = 1 << PAGE_SHIFT;

    fn region(base: u64, end: u64, kind: Kind) -> Region {
        Region { base, len: end - base, kind }
    }

    fn frames(ranges: impl Iterator<Item = Range<Pfn>>) -> Vec<(u32, u32)> {
        ranges.map(|r| (r.start.0, r.end.0)).collect()
    }

    #[test]
    fn unsorted_entries_come_out_sorted_and_neighbours_merged() {
        let map = [
            region(8 * PAGE, 9 * PAGE, Kind::Usable),
            region(2 * PAGE, 4 * PAGE, Kind::Usable),
            region(4 * PAGE, 6 * PAGE, Kind::Ram),
            region(6 * PAGE, 8 * PAGE, Kind::Usable),
        ];
        assert_eq!(frames(free(map.into_iter())), [(2, 4), (6, 9)]);
        assert_eq!(frames(mapped(map.into_iter())), [(2, 9)]);
    }

    #[test]
    fn a_frame_that_is_usable_in_part_is_mapped_and_not_free() {
        let map =
            [region(PAGE + 1, 3 * PAGE + 5, Kind::Usable), region(3 * PAGE + 5, 3 * PAGE + 9, Kind::Other)];
        assert_eq!(frames(free(map.into_iter())), [(2, 3)]);
        assert_eq!(frames(mapped(map.into_iter())), [(1, 4)]);
    }

    #[test]
    fn what_is_claimed_twice_is_not_free() {
        let map = [
            region(0, 10 * PAGE, Kind::Usable),
            region(3 * PAGE, 5 * PAGE, Kind::Ram),
            region(4 * PAGE, 6 * PAGE + 1, Kind::Other),
            region(9 * PAGE + 7, 9 * PAGE + 8, Kind::Other),
            region(2 * PAGE, 3 * PAGE, Kind::Usable),
        ];
        assert_eq!(frames(free(map.into_iter())), [(0, 3), (7, 9)]);
    }

    #[test]
    fn a_frame_buffer_is_not_mapped() {
        let map = [region(0, PAGE, Kind::Ram), region(0xfd00_0000, 0xfd40_0000, Kind::Other)];
        assert_eq!(frames(mapped(map.into_iter())), [(0, 1)]);
    }

    #[test]
    fn entries_that_are_empty_wrap_or_lie_beyond_reach_do_no_harm() {
        let map = [
            Region { base: 5, len: 0, kind: Kind::Usable },
            Region { base: u64::MAX - PAGE, len: u64::MAX, kind: Kind::Usable },
            Region { base: 1 << 60, len: 1 << 40, kind: Kind::Ram },
            Region { base: 7 * PAGE, len: 0, kind: Kind::Other },
            region(7 * PAGE, 9 * PAGE, Kind::Usable),
        ];
        assert_eq!(frames(free(map.into_iter())), [(7, 9)]);
        assert_eq!(frames(mapped(map.into_iter())), [(7, 9)]);
    }

    fn any_map() -> impl Strategy<Value = Vec<Region>> {
        let kind = prop_oneof![Just(Kind::Usable), Just(Kind::Ram), Just(Kind::Other)];
        let region = (0..40 * PAGE, 0..12 * PAGE, kind, 0..4u8).prop_map(|(base, len, kind, aligned)| {
            let (base, len) = if aligned > 0 { (base & !(PAGE - 1), len & !(PAGE - 1)) } else { (base, len) };
            Region { base, len, kind }
        });
        prop::collection::vec(region, 0..12)
    }

    proptest! {
        #[test]
        fn each_frame_is_what_looking_at_every_entry_says(map in any_map()) {
            let (free, mapped) = (frames(free(map.iter().copied())), frames(mapped(map.iter().copied())));
            for ranges in [&free, &mapped] {
                prop_assert!(ranges.iter().all(|r| r.0 < r.1));
                prop_assert!(ranges.windows(2).all(|w| w[0].1 <= w[1].0));
            }
            let within = |ranges: &[(u32, u32)], f: u64| ranges.iter().any(|r| (u64::from(r.0)..u64::from(r.1)).contains(&f));
            for frame in 0..60 {
                let (start, end) = (frame * PAGE, (frame + 1) * PAGE);
                let touched = |r: &&Region| r.len > 0 && r.base < end && r.base + r.len > start;
                let ram = map.iter().filter(touched).any(|r| r.kind != Kind::Other);
                prop_assert_eq!(within(&mapped, frame), ram);
                let other = map.iter().filter(touched).any(|r| r.kind != Kind::Usable);
                let covers = |r: &Region| r.kind == Kind::Usable && r.base <= start && r.base + r.len >= end;
                prop_assert_eq!(within(&free, frame), map.iter().any(covers) && !other, "frame {}", frame);
            }
        }
    }
}
