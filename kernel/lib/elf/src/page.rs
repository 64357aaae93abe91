//! A program seen by pages: [`PagePlan`] says what one page holds, [`PageRange`] which pages are alike.
//!
//! A page may hold the end of one segment and the start of another (headers and text often do): its rights are the union of
//! theirs, its content the pieces of each, zero elsewhere. No case of loading needs to know of this.

use crate::{Segment, Source};
use fl_addr::{PAGE_SIZE, Vpn};
use heapless::Vec;

/// Most segments with file bytes in one page: headers, text, constants, data.
pub const PIECES_MAX: usize = 4;

/// Bytes of the file that belong into a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where they start in the file, in bytes.
    pub file_offset: u64,
    /// Where they start in the page, in bytes: 0..4096.
    pub page_offset: usize,
    /// How many: 1..=4096 - page_offset.
    pub len: usize,
}

/// What one page of the program holds. Bytes outside its pieces are zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PagePlan {
    /// The program may write to it.
    pub write: bool,
    /// The program may execute it.
    pub exec: bool,
    /// In ascending order of `page_offset`, not overlapping. Empty: the page is all zero.
    pub pieces: Vec<Piece, PIECES_MAX>,
}

impl PagePlan {
    /// The plan of `page` by `segments` (sorted, checked), or `None` if none touches it.
    pub(crate) fn of(segments: &[Segment], page: Vpn) -> Option<Self> {
        let (write, exec) = rights(segments, page)?;
        let mut pieces = Vec::new();
        for piece in segments.iter().filter_map(|s| s.file_part(page)) {
            // Never full: the rules refuse a program with more pieces in a page (`Error::CrowdedPage`).
            let full = pieces.push(piece).is_err();
            debug_assert!(!full);
        }
        Some(Self { write, exec, pieces })
    }

    /// Fills a page: the pieces from `file`, zero elsewhere. May sleep as the file's reading does. Pieces that lie in one page of the file, as
    /// they mostly do, are read in one go.
    ///
    /// # Errors
    /// The file could not be read; `page` then holds anything.
    pub fn fill<S: Source + ?Sized>(&self, file: &S, page: &mut [u8; PAGE_SIZE]) -> Result<(), S::Error> {
        match (self.file_page(), self.pieces.first(), self.pieces.last()) {
            (Some(offset), Some(first), Some(last)) => {
                file.read_into_page(offset, page, first.page_offset..last.page_offset + last.len)?;
            }
            _ => {
                for piece in &self.pieces {
                    let place = piece.page_offset..piece.page_offset + piece.len;
                    file.read_at(piece.file_offset, &mut page[place])?;
                }
            }
        }
        let mut done = 0;
        for piece in &self.pieces {
            page[done..piece.page_offset].fill(0);
            done = piece.page_offset + piece.len;
        }
        page[done..].fill(0);
        Ok(())
    }

    /// Where the page of the file begins that all pieces lie in, at the same places as in this page; `None` if they lie in several.
    fn file_page(&self) -> Option<u64> {
        // A segment's offset and address are equal modulo 4096 (`Error::Misaligned`), so this is a multiple of it.
        let mut begins = self.pieces.iter().map(|p| p.file_offset - p.page_offset as u64);
        let first = begins.next()?;
        begins.all(|begin| begin == first).then_some(first)
    }
}

/// A run of pages [start, end) that are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRange {
    /// First page.
    pub start: Vpn,
    /// One past the last page.
    pub end: Vpn,
    /// The program may write to them.
    pub write: bool,
    /// The program may execute them.
    pub exec: bool,
    /// No byte comes from the file (bss).
    pub zero: bool,
}

/// (write, exec) of `page`: the union over the segments that touch it, or `None` if none does.
fn rights(segments: &[Segment], page: Vpn) -> Option<(bool, bool)> {
    let here = segments.iter().filter(|s| s.touches(page));
    here.map(|s| (s.write, s.exec)).reduce(|a, b| (a.0 | b.0, a.1 | b.1))
}

/// Iterator behind [`Plan::ranges`](crate::Plan::ranges). At most three runs per segment: shared first page, middle, shared last page.
pub(crate) struct Ranges<'a> {
    segments: &'a [Segment],
    next: Vpn,
}

impl<'a> Ranges<'a> {
    pub(crate) fn new(segments: &'a [Segment]) -> Self {
        Self { segments, next: Vpn(0) }
    }

    /// The longest run from the first page at or after `from` that no segment's boundary interrupts.
    fn run(&self, from: Vpn) -> Option<PageRange> {
        let first = self.segments.iter().find(|s| from < s.end_page())?;
        let start = from.max(first.first_page());
        let (write, exec) = rights(self.segments, start)?;
        let zero = self.segments.iter().all(|s| s.file_part(start).is_none());
        let boundaries = self.segments.iter().flat_map(|s| [s.first_page(), s.file_end_page(), s.end_page()]);
        let end = boundaries.filter(|&b| b > start).min()?;
        Some(PageRange { start, end, write, exec, zero })
    }
}

impl Iterator for Ranges<'_> {
    type Item = PageRange;

    fn next(&mut self) -> Option<PageRange> {
        let mut range = self.run(self.next)?;
        while let Some(more) = self.run(range.end)
            && more.start == range.end
            && (more.write, more.exec, more.zero) == (range.write, range.exec, range.zero)
        {
            range.end = more.end;
        }
        self.next = range.end;
        Some(range)
    }
}
