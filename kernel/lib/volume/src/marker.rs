//! The mark on the disk that says a volume is in use: [`Marker`], bit 0 of a byte of the boot sector.
//!
//! FAT16 and FAT32 have a mark of their own in the table, which the library keeps; FAT12 has none. This one, which other systems know
//! too, covers all three, and also the changes that are made without the library.

use hadris_fat::{FatKind, Geometry};

use crate::device::BlockDevice;
use crate::root::patch;

/// What stands on the disk, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    Dirty,
    /// A write of it failed.
    Unsure,
}

/// The mark of one mounted volume. Starts clean: a dirty volume is repaired before it is mounted.
pub(crate) struct Marker {
    offset: u64,
    state: State,
}

impl Marker {
    pub(crate) fn new(geo: &Geometry) -> Self {
        Self { offset: offset(geo), state: State::Clean }
    }

    /// The mark of a volume that was found dirty, by this mark or another.
    pub(crate) fn found_dirty(geo: &Geometry) -> Self {
        Self { offset: offset(geo), state: State::Unsure }
    }

    /// Makes sure that the disk says "in use" before the first change.
    pub(crate) fn set<D: BlockDevice>(&mut self, dev: &D) -> Result<(), D::Error> {
        if self.state != State::Dirty {
            self.state = State::Unsure;
            patch(dev, self.offset, |bytes| bytes[0] |= 1)?;
            dev.flush()?;
            self.state = State::Dirty;
        }
        Ok(())
    }

    /// Says "unmounted in order". All else must have been flushed before.
    pub(crate) fn clear<D: BlockDevice>(&mut self, dev: &D) -> Result<(), D::Error> {
        if self.state != State::Clean {
            self.state = State::Unsure;
            patch(dev, self.offset, |bytes| bytes[0] &= !1)?;
            dev.flush()?;
            self.state = State::Clean;
        }
        Ok(())
    }
}

/// Whether the disk says "in use".
pub(crate) fn is_set<D: BlockDevice>(dev: &D, geo: &Geometry) -> Result<bool, D::Error> {
    let mut sector = [0; crate::device::SECTOR];
    dev.read(0, &mut sector)?;
    Ok(sector[offset(geo) as usize] & 1 != 0)
}

/// Where the byte stands in the boot sector.
fn offset(geo: &Geometry) -> u64 {
    if geo.kind() == FatKind::Fat32 { 0x41 } else { 0x25 }
}
