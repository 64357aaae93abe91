//! The boot allocator: frames from the bootloader's usable regions, in order, never given back.

use super::layout::frame_ptr;
use core::ops::Range;
use core::sync::atomic::AtomicU64;
use fl_addr::{PAGE_SIZE, Pfn};
use fl_paging::TableMemory;

/// Most free ranges looked at; firmware leaves a few dozen at worst.
const REGIONS_MAX: usize = 64;

/// Whole usable frames, as ranges that shrink from below.
pub struct Early {
    ranges: [(u32, u32); REGIONS_MAX],
    len: usize,
}

impl Early {
    /// Takes the free ranges (ascending) above the first mebibyte, which firmware and processor start-up may still want.
    pub fn new(free: impl Iterator<Item = Range<Pfn>>) -> Self {
        const FIRST: Pfn = Pfn((1 << 20) / PAGE_SIZE as u32);
        let mut early = Self { ranges: [(0, 0); REGIONS_MAX], len: 0 };
        for range in free {
            let start = range.start.max(FIRST);
            if start < range.end && early.len < REGIONS_MAX {
                early.ranges[early.len] = (start.0, range.end.0);
                early.len += 1;
            }
        }
        early
    }

    /// Frames left.
    pub fn left(&self) -> u32 {
        self.ranges[..self.len].iter().map(|(a, b)| b - a).sum()
    }

    /// `n` neighbouring frames, zeroed; `None` if no range has them.
    pub fn take(&mut self, n: u32) -> Option<Pfn> {
        let range = self.ranges[..self.len].iter_mut().find(|(a, b)| b - a >= n)?;
        let first = Pfn(range.0);
        range.0 += n;
        for i in 0..n {
            // SAFETY: usable memory that nobody has yet, reachable by the direct map (the bootloader's, then ours).
            unsafe { frame_ptr(first + i).write_bytes(0, 1) };
        }
        Some(first)
    }

    /// Room for `n` values of `T`, zeroed, for ever.
    pub fn take_slice<T>(&mut self, n: usize) -> Option<*mut T> {
        const { assert!(align_of::<T>() <= PAGE_SIZE) };
        let bytes = n.checked_mul(size_of::<T>())?;
        let first = self.take(u32::try_from(bytes.div_ceil(PAGE_SIZE)).ok()?)?;
        Some(frame_ptr(first).cast())
    }

    /// Each frame that is left, lowest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Pfn> + use<> {
        let ranges = self.ranges;
        let len = core::mem::take(&mut self.len);
        ranges.into_iter().take(len).flat_map(|(a, b)| (a..b).map(Pfn))
    }

    /// The lowest and one past the highest frame that is left.
    pub fn span(&self) -> (u32, u32) {
        let ranges = &self.ranges[..self.len];
        (ranges.iter().map(|r| r.0).min().unwrap_or(0), ranges.iter().map(|r| r.1).max().unwrap_or(0))
    }
}

impl TableMemory for Early {
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64 {
        super::page_table::entry(table, index)
    }
    fn alloc_table(&mut self) -> Option<Pfn> {
        self.take(1)
    }
    fn free_table(&mut self, _table: Pfn) {} // boot tables stay; a leftover of at most three is not worth a list
}
