//! The volume's disk, as `fl_volume` wants it.

use crate::dev::block::{BlockDevice, BlockError};

/// A handle of a disk of the kernel's.
#[derive(Clone, Copy)]
pub struct Disk(pub &'static dyn BlockDevice);

impl fl_volume::BlockDevice for Disk {
    type Error = BlockError;

    fn sectors(&self) -> u64 {
        self.0.sectors()
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.0.read(sector, buf)
    }
    fn write(&self, sector: u64, buf: &[u8]) -> Result<(), BlockError> {
        self.0.write(sector, buf)
    }
    fn flush(&self) -> Result<(), BlockError> {
        self.0.flush()
    }
}
