//! [`Plan`] and [`Segment`]: what of a program goes where in memory. [`page`](crate::PagePlan) answers for single pages.

use crate::page::{PagePlan, PageRange, Piece, Ranges};
use fl_addr::{PAGE_SIZE, VirtAddr, Vpn};
use heapless::Vec;

/// Most PT_LOAD headers of one program. Linkers make two to five.
pub const SEGMENTS_MAX: usize = 16;

/// One contiguous part of the program's memory. Readable always; its bytes do not overlap another segment's, its pages may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Segment {
    /// First byte, at least 4096 (USER_MIN); not necessarily page aligned.
    pub start: VirtAddr,
    /// Bytes in memory, at least 1. Those after `file_len` are zero.
    pub mem_len: u64,
    /// Where its content starts in the file, in bytes; congruent to `start` modulo 4096.
    pub file_offset: u64,
    /// Bytes of content, 0..=mem_len; all inside the file.
    pub file_len: u64,
    /// PF_W: the program may write.
    pub write: bool,
    /// PF_X: the program may execute.
    pub exec: bool,
}

impl Segment {
    /// One past the last byte; at most the user limit.
    pub fn end(&self) -> VirtAddr {
        self.start + self.mem_len
    }

    /// The first page it touches.
    pub fn first_page(&self) -> Vpn {
        self.start.vpn()
    }

    /// One past the last page it touches.
    pub fn end_page(&self) -> Vpn {
        VirtAddr(self.end().0 - 1).vpn() + 1
    }

    /// Whether any of its bytes, from the file or zero, lies in that page.
    pub(crate) fn touches(&self, page: Vpn) -> bool {
        self.first_page() <= page && page < self.end_page()
    }

    /// One past the last page that holds bytes of the file; `first_page()` if there are none.
    pub(crate) fn file_end_page(&self) -> Vpn {
        match self.file_len {
            0 => self.first_page(),
            n => VirtAddr(self.start.0 + n - 1).vpn() + 1,
        }
    }

    /// The bytes of the file that lie in that page, or `None`.
    pub(crate) fn file_part(&self, page: Vpn) -> Option<Piece> {
        if !(self.first_page() <= page && page < self.file_end_page()) {
            return None;
        }
        let page_start = page.start();
        let from = self.start.max(page_start);
        let to = (self.start + self.file_len).min(page_start + PAGE_SIZE as u64);
        Some(Piece {
            file_offset: self.file_offset + (from - self.start),
            page_offset: from.page_offset(),
            len: (to - from) as usize,
        })
    }
}

/// How to load a program. Made only by [`plan`](crate::plan()); holds no reference to the file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where the program starts; inside an executable segment.
    pub entry: VirtAddr,
    /// The segments, sorted by address, at least one.
    pub segments: Vec<Segment, SEGMENTS_MAX>,
}

impl Plan {
    /// What that page holds, or `None` if the program has nothing there.
    pub fn page(&self, page: Vpn) -> Option<PagePlan> {
        PagePlan::of(&self.segments, page)
    }

    /// Whether the program has that page and no byte of it comes from the file (bss).
    pub fn is_pure_zero(&self, page: Vpn) -> bool {
        let mut here = self.segments.iter().filter(|s| s.touches(page)).peekable();
        here.peek().is_some() && here.all(|s| s.file_part(page).is_none())
    }

    /// Runs of pages with the same rights and the same kind of source, in ascending order, neither overlapping nor mergeable.
    pub fn ranges(&self) -> impl Iterator<Item = PageRange> + '_ {
        Ranges::new(&self.segments)
    }

    /// Every page of the program once, in ascending order.
    pub fn pages(&self) -> impl Iterator<Item = Vpn> + '_ {
        self.ranges().flat_map(|r| (r.start.0..r.end.0).map(Vpn))
    }
}
