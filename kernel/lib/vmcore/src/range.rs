//! [`PageRange`]: a run of user pages that is neither empty nor wraps, by construction.

use fl_abi::USER_LIMIT;
use fl_addr::{VirtAddr, Vpn, pages_for};

/// The pages [start, end): at least one, all below the user limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageRange {
    start: Vpn,
    end: Vpn,
}

impl PageRange {
    /// The range of `pages` pages from `start`; `None` if it is empty, wraps, or reaches the user limit.
    pub const fn new(start: Vpn, pages: u64) -> Option<Self> {
        match start.0.checked_add(pages) {
            Some(end) if pages != 0 && end <= VirtAddr(USER_LIMIT).vpn().0 => {
                Some(Self { start, end: Vpn(end) })
            }
            _ => None,
        }
    }

    /// The range [start, end); `None` if it is empty or reaches the user limit.
    pub const fn between(start: Vpn, end: Vpn) -> Option<Self> {
        match end.0.checked_sub(start.0) {
            Some(pages) => Self::new(start, pages),
            None => None,
        }
    }

    /// The pages that hold the `len` bytes from `va`; `None` if there are none, or the bytes wrap or reach the user limit.
    pub const fn of_bytes(va: VirtAddr, len: u64) -> Option<Self> {
        match len.checked_add(va.page_offset() as u64) {
            Some(bytes) if len != 0 => Self::new(va.vpn(), pages_for(bytes)),
            _ => None,
        }
    }

    /// First page.
    pub const fn start(self) -> Vpn {
        self.start
    }

    /// One past the last page.
    pub const fn end(self) -> Vpn {
        self.end
    }

    /// How many pages, at least 1.
    pub const fn pages(self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Whether `page` is in it.
    pub const fn contains(self, page: Vpn) -> bool {
        self.start.0 <= page.0 && page.0 < self.end.0
    }

    /// Whether the two have a page in common.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start.0 < other.end.0 && other.start.0 < self.end.0
    }

    /// Its pages in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Vpn> {
        (self.start.0..self.end.0).map(Vpn)
    }
}
