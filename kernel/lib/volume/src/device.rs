//! What a volume needs of a disk: [`BlockDevice`]; disks in memory; the adapter that shows a disk to the metadata library.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use hadris_io::{Error as LibError, ErrorKind};
use hadris_storage::{BlockIndex, BlockSize};

/// Bytes of a sector, the unit of every transfer and all that may be assumed of alignment on the disk.
pub const SECTOR: usize = 512;

/// A disk of 512-byte sectors.
///
/// `&self`, so that a queue with many requests in flight can be shared: the volume and raw page I/O through
/// [`Extents`](crate::Extents) use the same device at the same time. A call returns when its transfer is done. A failed write may
/// have transferred any part of its sectors. Writes of one caller reach the medium in the order of the calls, sector by sector.
pub trait BlockDevice {
    /// What goes wrong. It is handed through unchanged in [`Error::Device`](crate::Error::Device).
    type Error: core::error::Error + Send + Sync + 'static;

    /// Sectors of the disk.
    fn sectors(&self) -> u64;
    /// Reads `buf`, a whole number of sectors, from `sector` on.
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), Self::Error>;
    /// Writes `buf`, a whole number of sectors, from `sector` on.
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), Self::Error>;
    /// Returns when all that was written is on the medium.
    fn flush(&self) -> Result<(), Self::Error>;
}

impl<T: BlockDevice + ?Sized> BlockDevice for &T {
    type Error = T::Error;

    fn sectors(&self) -> u64 {
        (**self).sectors()
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read(sector, buf)
    }
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), Self::Error> {
        (**self).write(sector, buf)
    }
    fn flush(&self) -> Result<(), Self::Error> {
        (**self).flush()
    }
}

impl<T: BlockDevice + ?Sized> BlockDevice for alloc::sync::Arc<T> {
    type Error = T::Error;

    fn sectors(&self) -> u64 {
        (**self).sectors()
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read(sector, buf)
    }
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), Self::Error> {
        (**self).write(sector, buf)
    }
    fn flush(&self) -> Result<(), Self::Error> {
        (**self).flush()
    }
}

/// A transfer past the end of a [`RamDisk`]: the caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastEnd;

impl fmt::Display for PastEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transfer past the end of the disk")
    }
}

impl core::error::Error for PastEnd {}

/// A disk in memory, for one thread: images are built and tests run on it. Owns its bytes.
pub struct RamDisk(RefCell<Vec<u8>>);

impl RamDisk {
    /// A disk of these bytes; an odd end that is not a whole sector is out of reach.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(RefCell::new(bytes))
    }

    /// The bytes.
    pub fn into_inner(self) -> Vec<u8> {
        self.0.into_inner()
    }

    fn range(&self, sector: u64, len: usize) -> Result<core::ops::Range<usize>, PastEnd> {
        let from = usize::try_from(sector).ok().and_then(|s| s.checked_mul(SECTOR)).ok_or(PastEnd)?;
        let to = from.checked_add(len).ok_or(PastEnd)?;
        if to > self.0.borrow().len() { Err(PastEnd) } else { Ok(from..to) }
    }
}

impl BlockDevice for RamDisk {
    type Error = PastEnd;

    fn sectors(&self) -> u64 {
        (self.0.borrow().len() / SECTOR) as u64
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), PastEnd> {
        let range = self.range(sector, buf.len())?;
        buf.copy_from_slice(&self.0.borrow()[range]);
        Ok(())
    }
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), PastEnd> {
        let range = self.range(sector, buf.len())?;
        self.0.borrow_mut()[range].copy_from_slice(buf);
        Ok(())
    }
    fn flush(&self) -> Result<(), PastEnd> {
        Ok(())
    }
}

/// A disk as it would be: what is written stays in memory, and the disk below is only read. For one thread.
pub struct Overlay<D> {
    below: D,
    written: RefCell<BTreeMap<u64, Box<[u8; SECTOR]>>>,
}

impl<D: BlockDevice> Overlay<D> {
    /// Nothing is written yet.
    pub fn new(below: D) -> Self {
        Self { below, written: RefCell::default() }
    }
}

impl<D: BlockDevice> BlockDevice for Overlay<D> {
    type Error = D::Error;

    fn sectors(&self) -> u64 {
        self.below.sectors()
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), D::Error> {
        self.below.read(sector, buf)?;
        let end = sector + (buf.len() / SECTOR) as u64;
        for (&at, bytes) in self.written.borrow().range(sector..end) {
            let place = (at - sector) as usize * SECTOR;
            buf[place..place + SECTOR].copy_from_slice(&**bytes);
        }
        Ok(())
    }
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), D::Error> {
        let mut written = self.written.borrow_mut();
        for (at, bytes) in (sector..).zip(buf.chunks_exact(SECTOR)) {
            written.entry(at).or_insert_with(|| Box::new([0; SECTOR])).copy_from_slice(bytes);
        }
        Ok(())
    }
    fn flush(&self) -> Result<(), D::Error> {
        Ok(())
    }
}

/// A [`BlockDevice`] as the metadata library wants it.
pub(crate) struct Adapter<D>(pub(crate) D);

impl<D: BlockDevice> hadris_io::ErrorType for Adapter<D> {
    type Error = D::Error;
}

impl<D: BlockDevice> hadris_storage::sync::BlockDevice for Adapter<D> {
    fn block_size(&self) -> BlockSize {
        const SIZE: BlockSize = match BlockSize::new(SECTOR as u32) {
            Some(size) => size,
            None => panic!("a power of two"),
        };
        SIZE
    }
    fn block_count(&self) -> u64 {
        self.0.sectors()
    }
    fn writable(&self) -> bool {
        true
    }
    fn read_blocks(&mut self, first: BlockIndex, buf: &mut [u8]) -> Result<(), LibError<D::Error>> {
        self.check(first, buf.len())?;
        self.0.read(first.get(), buf).map_err(|e| LibError::device(e, "read"))
    }
    fn write_blocks(&mut self, first: BlockIndex, buf: &[u8]) -> Result<(), LibError<D::Error>> {
        self.check(first, buf.len())?;
        self.0.write(first.get(), buf).map_err(|e| LibError::device(e, "write"))
    }
    fn flush(&mut self) -> Result<(), LibError<D::Error>> {
        self.0.flush().map_err(|e| LibError::device(e, "flush"))
    }
}

impl<D: BlockDevice> Adapter<D> {
    /// A transfer past the end comes from a corrupt structure, not from the device.
    fn check(&self, first: BlockIndex, len: usize) -> Result<(), LibError<D::Error>> {
        match first.get().checked_add((len / SECTOR) as u64) {
            Some(end) if end <= self.0.sectors() => Ok(()),
            _ => Err(LibError::new(ErrorKind::Corrupt, "past the end of the disk")),
        }
    }
}
