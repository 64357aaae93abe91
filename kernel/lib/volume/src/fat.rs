//! The file allocation table, read and repaired by hand: [`Table`], a window of a few sectors that moves over it.
//!
//! The metadata library does all ordinary changes. This is for what it does slowly or not at all: extent maps and repair.

use alloc::boxed::Box;

use hadris_fat::Geometry;

use crate::device::{BlockDevice, SECTOR};

/// Bytes of the window: one read brings 1024 FAT32 entries.
const WINDOW: usize = 4096;
/// The first cluster that holds data.
pub(crate) const FIRST: u32 = 2;

/// What the entry of a cluster says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not allocated.
    Free,
    /// Allocated; the chain goes on with this cluster of the volume.
    Next(u32),
    /// Allocated; the chain ends.
    End,
    /// Marked as unusable.
    Bad,
    /// A value that no chain has.
    Wild,
}

/// A window on the table, on its active copy. Changes are written to every copy, the first copy first, when the window moves and by [`Table::flush`]; what is not
/// flushed is lost with the value.
pub(crate) struct Table<'a, D> {
    dev: &'a D,
    geo: &'a Geometry,
    window: Box<[u8; WINDOW]>,
    /// Offset of the window in the table, a multiple of [`WINDOW`]; `None` before the first use.
    at: Option<u64>,
    changed: bool,
}

impl<'a, D: BlockDevice> Table<'a, D> {
    pub(crate) fn new(dev: &'a D, geo: &'a Geometry) -> Self {
        Self { dev, geo, window: Box::new([0; WINDOW]), at: None, changed: false }
    }

    /// What the entry of `cluster` says. `cluster` is one of the volume.
    pub(crate) fn get(&mut self, cluster: u32) -> Result<Link, D::Error> {
        let kind = self.geo.kind();
        let mut bytes = [0; 4];
        let at = kind.entry_offset(u64::from(cluster));
        for (i, byte) in bytes[..kind.entry_len()].iter_mut().enumerate() {
            *byte = *self.byte(at + i as u64)?;
        }
        let value = kind.decode(u64::from(cluster), &bytes[..kind.entry_len()]) & kind.mask();
        Ok(if value == 0 {
            Link::Free
        } else if kind.is_end_of_chain(value) {
            Link::End
        } else if kind.is_bad(value) {
            Link::Bad
        } else if (FIRST..=self.geo.max_cluster()).contains(&value) {
            Link::Next(value)
        } else {
            Link::Wild
        })
    }

    /// Frees `cluster`.
    pub(crate) fn free(&mut self, cluster: u32) -> Result<(), D::Error> {
        self.put(cluster, 0)
    }

    /// Ends the chain at `cluster`.
    pub(crate) fn end(&mut self, cluster: u32) -> Result<(), D::Error> {
        self.put(cluster, self.geo.kind().end_of_chain())
    }

    /// Sets the mark of FAT16 and FAT32 that the volume was unmounted in order.
    pub(crate) fn mark_clean(&mut self) -> Result<(), D::Error> {
        let kind = self.geo.kind();
        let at = kind.entry_offset(1);
        for (i, byte) in kind.clean_bit().to_le_bytes().into_iter().enumerate().filter(|&(_, byte)| byte != 0)
        {
            *self.byte(at + i as u64)? |= byte;
            self.changed = true;
        }
        Ok(())
    }

    /// Writes what was changed to every copy.
    pub(crate) fn flush(&mut self) -> Result<(), D::Error> {
        let Some(at) = self.at.filter(|_| self.changed) else { return Ok(()) };
        for copy in 0..self.geo.fat_count() {
            let sector = (self.geo.fat_copy(copy) + at) / SECTOR as u64;
            self.dev.write(sector, &self.window[..self.len(at)])?;
        }
        self.changed = false;
        Ok(())
    }

    /// Makes the other copies equal to the first. Returns how many sectors differed.
    pub(crate) fn mirror(&mut self) -> Result<u64, D::Error> {
        let mut other = Box::new([0; WINDOW]);
        let mut differed = 0;
        for at in (0..self.geo.fat_size()).step_by(WINDOW) {
            self.byte(at)?;
            let ours = &self.window[..self.len(at)];
            for copy in 1..self.geo.fat_count() {
                let first = (self.geo.fat_copy(copy) + at) / SECTOR as u64;
                let theirs = &mut other[..ours.len()];
                self.dev.read(first, theirs)?;
                let pairs = ours.chunks_exact(SECTOR).zip(theirs.chunks_exact(SECTOR));
                for (sector, (ours, theirs)) in (first..).zip(pairs) {
                    if ours != theirs {
                        self.dev.write(sector, ours)?;
                        differed += 1;
                    }
                }
            }
        }
        Ok(differed)
    }

    fn put(&mut self, cluster: u32, value: u32) -> Result<(), D::Error> {
        let kind = self.geo.kind();
        let at = kind.entry_offset(u64::from(cluster));
        let mut bytes = [0; 4];
        let bytes = &mut bytes[..kind.entry_len()];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = *self.byte(at + i as u64)?;
        }
        kind.encode(u64::from(cluster), value, bytes);
        for (i, byte) in bytes.iter().enumerate() {
            *self.byte(at + i as u64)? = *byte;
            self.changed = true;
        }
        Ok(())
    }

    /// Bytes of the window at `at`: the table may end inside it.
    fn len(&self, at: u64) -> usize {
        (self.geo.fat_size() - at).min(WINDOW as u64) as usize
    }

    /// The byte at `offset` of the table, in the window.
    fn byte(&mut self, offset: u64) -> Result<&mut u8, D::Error> {
        let at = offset - offset % WINDOW as u64;
        if self.at != Some(at) {
            self.flush()?;
            self.at = None;
            let len = self.len(at);
            let sector = (self.geo.fat_copy(self.geo.active_fat()) + at) / SECTOR as u64;
            self.dev.read(sector, &mut self.window[..len])?;
            self.at = Some(at);
        }
        Ok(&mut self.window[(offset % WINDOW as u64) as usize])
    }
}
