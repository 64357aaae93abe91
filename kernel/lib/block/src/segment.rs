//! [`Segment`]: a stretch of physical memory, and [`gather`], which finds those of a virtual buffer.

use crate::SECTOR;
use fl_addr::{PAGE_SIZE, Pfn, PhysAddr, VirtAddr};

/// Most segments of one request: sixteen pages lying anywhere.
pub const MAX_SEGMENTS: usize = 16;

/// Bytes that lie one behind the other in physical memory. They may run on into the following frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The frame of the first byte.
    pub frame: Pfn,
    /// The first byte within that frame, 0..4096.
    pub offset: u16,
    /// Length in bytes, not 0.
    pub len: u32,
}

/// The segments of one request.
pub type SegmentList = heapless::Vec<Segment, MAX_SEGMENTS>;

impl Segment {
    /// A whole frame.
    pub const fn frame(frame: Pfn) -> Self {
        Self { frame, offset: 0, len: PAGE_SIZE as u32 }
    }

    /// `len` bytes from `start`, which must lie below 16 TiB.
    pub const fn at(start: PhysAddr, len: u32) -> Self {
        Self { frame: start.pfn(), offset: (start.0 % PAGE_SIZE as u64) as u16, len }
    }

    /// Its first byte.
    pub const fn start(&self) -> PhysAddr {
        PhysAddr(self.frame.start().0 + self.offset as u64)
    }
}

/// The physical segments of the first bytes of a virtual buffer: as many as `most` segments (and [`MAX_SEGMENTS`]) reach, cut to whole
/// sectors. Returns them and how many bytes they are; pages that follow each other physically share a segment.
///
/// No bytes: the buffer is shorter than a sector, or lies in too many pieces for one. `None`: a page of it is not mapped.
pub fn gather(
    start: VirtAddr,
    len: usize,
    most: usize,
    translate: impl Fn(VirtAddr) -> Option<PhysAddr>,
) -> Option<(SegmentList, usize)> {
    let mut list = SegmentList::new();
    let most = most.min(MAX_SEGMENTS);
    let mut done = 0;
    while done < len {
        let at = start.checked_add(done as u64)?;
        let piece = (PAGE_SIZE - at.page_offset()).min(len - done);
        let physical = translate(at)?;
        let full = list.len() == most;
        match list.last_mut() {
            Some(last)
                if last.start().0 + u64::from(last.len) == physical.0
                    && last.len.checked_add(piece as u32).is_some() =>
            {
                last.len += piece as u32;
            }
            _ if full => break,
            _ => list.push(Segment::at(physical, piece as u32)).ok()?,
        }
        done += piece;
    }
    cut(&mut list, done % SECTOR);
    Some((list, done - done % SECTOR))
}

/// Takes the last `bytes` away.
fn cut(list: &mut SegmentList, mut bytes: usize) {
    while let Some(last) = list.last_mut().filter(|_| bytes > 0) {
        let here = bytes.min(last.len as usize);
        last.len -= here as u32;
        bytes -= here;
        if last.len == 0 {
            list.pop();
        }
    }
}
