//! [`File`]: a file that is open, one object for all who have it open.

use super::error::{IoError, WriteError};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use fl_elf::Source;

/// Which file it is, as long as it is open. Not used again soon after.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InodeId(pub u32);

/// An open file. Positions are its users' business.
///
/// There is one for each file, whoever opens it and however often; dropping the last `Arc` closes it, which never sleeps.
pub struct File {
    id: InodeId,
    data: &'static [u8],
    /// [`DenyWrite`]s that exist. Relaxed: a figure that is only compared with 0.
    denied: AtomicU32,
}

impl File {
    pub(super) fn new(id: InodeId, data: &'static [u8]) -> Self {
        Self { id, data, denied: AtomicU32::new(0) }
    }

    /// Which file it is.
    pub fn id(&self) -> InodeId {
        self.id
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Reads from byte `offset` on; returns how many bytes, fewer than asked for only at the end of the file.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, IoError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        let len = buf.len().min(self.data.len() - from);
        buf[..len].copy_from_slice(&self.data[from..from + len]);
        Ok(len)
    }

    /// Writes from byte `offset` on, making the file larger if need be; what lies between its old end and `offset` reads as zeros. Returns how
    /// many bytes: 0 while writing is denied, fewer than asked for when the volume is full.
    pub fn write_at(&self, _offset: u64, _buf: &[u8]) -> Result<usize, WriteError> {
        Ok(0) // the boot-module volume cannot be written to: as if it were full
    }

    /// Denies writing as long as the answer lives. No write is under way any more when it is given.
    pub fn deny_write(self: &Arc<Self>) -> DenyWrite {
        self.denied.fetch_add(1, Relaxed);
        DenyWrite { file: self.clone() }
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

impl Source for File {
    type Error = IoError;

    fn len(&self) -> u64 {
        File::len(self)
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), IoError> {
        match File::read_at(self, offset, buf)? {
            len if len == buf.len() => Ok(()),
            // Files never become shorter.
            _ => Err(IoError::Damaged),
        }
    }
}
