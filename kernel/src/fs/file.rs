//! [`File`]: a file that is open, one object for all who have it open.

use super::disk::Disk;
use super::error::{IoError, WriteError};
use super::volume;
use crate::dev::block::{Operation, Segment};
use crate::mm::frames::Frame;
use crate::sched::{ReadGuard, SleepRwLock};
use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use fl_addr::{PAGE_SIZE, Pfn};
use fl_block::SegmentList;
use fl_elf::Source;
use fl_vmcore::bytes_in_page;
use fl_volume::{Extents, SECTOR};

/// Which file it is, as long as it is open. Not used again before 268 million others.
pub use fl_volume::FileId as InodeId;

/// An open file. Positions are its users' business.
///
/// There is one for each file, whoever opens it and however often; dropping the last `Arc` closes it, which never sleeps. Owns: one open of the
/// volume's. Lock: `map` (rank 4), which is taken before the volume's. What is read and written goes from disk to buffer by the map, without the
/// volume's lock.
pub struct File {
    id: InodeId,
    disk: Disk,
    /// Where it lies. Shared by those who read and who write whole sectors inside it; alone for growth, for parts of sectors, which are read
    /// before they are written, and to deny writing.
    map: SleepRwLock<Extents>,
    /// Its size, to be read without waiting. Changed with the map in hand. Relaxed: who must know it exactly looks into the map.
    len: AtomicU64,
    /// [`DenyWrite`]s that exist. Raised with the map alone in hand, so that who holds the map and sees 0 may write. Relaxed: the map orders.
    denied: AtomicU32,
}

impl File {
    pub(super) fn new(id: InodeId, disk: Disk, map: Extents) -> Self {
        let len = AtomicU64::new(map.size());
        Self { id, disk, map: SleepRwLock::new(map), len, denied: AtomicU32::new(0) }
    }

    /// Which file it is.
    pub fn id(&self) -> InodeId {
        self.id
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.len.load(Relaxed)
    }

    /// Reads from byte `offset` on; returns how many bytes, fewer than asked for only at the end of the file.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, IoError> {
        Ok(self.map.read().read(&self.disk, offset, buf)?)
    }

    /// Fills `frame` with that page of the file, with zeroes behind the file's end: by one request straight into it, if the page lies in one piece on the disk.
    pub fn read_page(&self, number: u64, frame: &mut Frame) -> Result<(), IoError> {
        let map = self.map.read();
        let len = bytes_in_page(map.size(), number);
        let (offset, wanted) = (number * PAGE_SIZE as u64, len.next_multiple_of(SECTOR));
        match map.sector_of(offset) {
            Some((sector, follow)) if len > 0 && follow >= (wanted / SECTOR) as u64 => {
                let memory = [Segment::at(frame.pfn().start(), wanted as u32)];
                // SAFETY: the frame is exclusively ours until this returns.
                unsafe { self.disk.0.transfer(Operation::Read, sector, &memory) }.map_err(IoError::Disk)?;
            }
            _ => full(map.read_sectors(&self.disk, offset, &mut frame.bytes()[..wanted])?, wanted)?,
        }
        frame.bytes()[len..].fill(0);
        Ok(())
    }

    /// Reads whole pages from byte `offset` on, which begins one, into `frames`: as far as the file has whole pages, and they lie in one piece on the disk.
    /// Returns how many pages; the rest is for [`read_at`](Self::read_at).
    ///
    /// # Safety
    ///
    /// The frames must stay, and be nobody's to use but those who expect this to write there, until this returns: pinned pages of a program.
    pub unsafe fn read_pages(&self, offset: u64, frames: &[Pfn]) -> Result<usize, IoError> {
        let map = self.map.read();
        // SAFETY: by this function's contract.
        unsafe { self.pages(&map, Operation::Read, offset, frames) }
    }

    /// Writes whole pages inside the file, as [`read_pages`](Self::read_pages) reads them. 0 while writing is denied.
    ///
    /// # Safety
    ///
    /// The frames must stay until this returns. Programs may store to them meanwhile: the file gets a moment or another of each byte.
    pub unsafe fn write_pages(&self, offset: u64, frames: &[Pfn]) -> Result<usize, IoError> {
        let map = self.map.read();
        if self.denied() {
            return Ok(0);
        }
        // SAFETY: by this function's contract.
        unsafe { self.pages(&map, Operation::Write, offset, frames) }
    }

    /// One request for each stretch of the disk.
    ///
    /// # Safety
    ///
    /// As `read_pages` or `write_pages`.
    unsafe fn pages(
        &self,
        map: &Extents,
        operation: Operation,
        offset: u64,
        frames: &[Pfn],
    ) -> Result<usize, IoError> {
        const SECTORS: u64 = (PAGE_SIZE / SECTOR) as u64;
        let inside = map.size().saturating_sub(offset) / PAGE_SIZE as u64;
        let frames = &frames[..frames.len().min(inside as usize)];
        let mut done = 0;
        while done < frames.len() {
            let Some((sector, follow)) = map.sector_of(offset + (done * PAGE_SIZE) as u64) else { break };
            let most = self.disk.0.max_segments().min(frames.len() - done);
            let pages = most.min((follow / SECTORS) as usize);
            if pages == 0 {
                break; // clusters smaller than pages: not by us
            }
            let memory: SegmentList =
                frames[done..done + pages].iter().map(|&frame| Segment::frame(frame)).collect();
            // SAFETY: by this function's contract.
            unsafe { self.disk.0.transfer(operation, sector, &memory) }.map_err(IoError::Disk)?;
            done += pages;
        }
        Ok(done)
    }

    /// Writes from byte `offset` on, making the file larger if need be; what lies between its old end and `offset` reads as zeros. Returns how
    /// many bytes: 0 while writing is denied, fewer than asked for when the volume is full.
    pub fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize, WriteError> {
        let end = offset.checked_add(buf.len() as u64).ok_or(WriteError::TooLarge)?;
        let whole = offset.is_multiple_of(SECTOR as u64) && buf.len().is_multiple_of(SECTOR);
        if whole && end <= self.len() {
            let map = self.map.read();
            return if self.denied() { Ok(0) } else { Ok(map.write(&self.disk, offset, buf)?) };
        }
        let mut map = self.map.write();
        if self.denied() {
            return Ok(0);
        }
        if !buf.is_empty() && end > map.size() {
            *map = volume::grow(self.id, offset, end)?;
            self.len.store(map.size(), Relaxed);
        }
        Ok(map.write(&self.disk, offset, buf)?)
    }

    /// The file's pages, to be written without waiting for anybody but the disk. `None`: somebody changes the file's map, or waits to.
    pub fn try_pages(&self) -> Option<Pages<'_>> {
        Some(Pages { file: self, map: self.map.try_read()? })
    }

    /// Denies writing as long as the answer lives. No write is under way any more when it is given.
    pub fn deny_write(self: &Arc<Self>) -> DenyWrite {
        let _alone = self.map.write();
        self.denied.fetch_add(1, Relaxed);
        DenyWrite { file: self.clone() }
    }

    fn denied(&self) -> bool {
        self.denied.load(Relaxed) > 0
    }
}

/// A file that does not grow as long as this lives, for those who write whole pages of it.
pub struct Pages<'a> {
    file: &'a File,
    map: ReadGuard<'a, Extents>,
}

impl Pages<'_> {
    /// Writes that page, as far as it is inside the file; how many bytes, 0 while writing is denied. Bytes of its last sector behind the file's end are written as zeros, and become
    /// zero in `page`: they are nobody's, and so no sector has to be read before.
    pub fn write(&self, number: u64, page: &mut [u8; PAGE_SIZE]) -> Result<usize, WriteError> {
        let len = self.bytes_of(number);
        if len == 0 || self.file.denied() {
            return Ok(0);
        }
        let sectors = len.next_multiple_of(SECTOR);
        page[len..sectors].fill(0);
        let written = self.map.write_sectors(&self.file.disk, number * PAGE_SIZE as u64, &page[..sectors])?;
        full(written, sectors)?;
        Ok(len)
    }

    /// How many bytes of that page are inside the file.
    pub fn bytes_of(&self, number: u64) -> usize {
        bytes_in_page(self.map.size(), number)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        volume::note_dropped();
    }
}

/// A file that nobody may write to: a program that runs. Dropping it never sleeps.
pub struct DenyWrite {
    file: Arc<File>,
}

impl Drop for DenyWrite {
    fn drop(&mut self) {
        self.file.denied.fetch_sub(1, Relaxed);
    }
}

/// A program, read page by page: one request for a page, straight into its frame.
impl Source for File {
    type Error = IoError;

    fn len(&self) -> u64 {
        File::len(self)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), IoError> {
        full(File::read_at(self, offset, buf)?, buf.len())
    }

    fn read_into_page(
        &self,
        offset: u64,
        page: &mut [u8; PAGE_SIZE],
        wanted: Range<usize>,
    ) -> Result<(), IoError> {
        let first = wanted.start - wanted.start % SECTOR;
        let sectors = &mut page[first..wanted.end.next_multiple_of(SECTOR)];
        let len = sectors.len();
        full(self.map.read().read_sectors(&self.disk, offset + first as u64, sectors)?, len)
    }
}

/// Files never become shorter, so what was inside one is there.
fn full(read: usize, wanted: usize) -> Result<(), IoError> {
    if read == wanted { Ok(()) } else { Err(IoError::Damaged) }
}
