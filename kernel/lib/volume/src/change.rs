//! Creating and removing files.

use hadris_fat::{FatKind, RootLocation};
use hadris_fs::{Extent, Name, NodeId, SetAttr};

use crate::device::BlockDevice;
use crate::error::Error;
use crate::names::{FileName, aside_entry};
use crate::root::{Entry, delete_slots, entry_at, patch};
use crate::volume::{FileId, SIZE_MAX, Volume};

impl<D: BlockDevice + Clone> Volume<D> {
    /// Makes a file of `size` zero bytes. When there is no room for all of it, there is no file.
    pub fn create(&mut self, name: &[u8], size: u64) -> Result<(), Error<D::Error>> {
        let name = FileName::new(name)?.escaped();
        if size > SIZE_MAX {
            return Err(Error::TooLarge);
        }
        self.begin()?;
        let root = self.fs.root();
        let created = self.lib().create(root, Name::new(&name), &SetAttr::new());
        let node = match self.noted(created) {
            Ok(node) => node,
            Err(Error::VolumeFull) => return Err(self.which_is_full()),
            Err(error) => return Err(error),
        };
        let filled = if size == 0 { Ok(()) } else { self.lib().truncate(node, size) };
        self.fs.forget(node, 1);
        let filled = self.noted(filled);
        if filled.is_err() {
            // The first error is the one to tell; the name counts as gone from now on.
            let _ = self.doom(name);
        }
        filled
    }

    /// Removes a file: its name is free at once. A file that is open stays as it is, under its id, until the last close.
    pub fn remove(&mut self, name: &[u8]) -> Result<(), Error<D::Error>> {
        let name = FileName::new(name)?.escaped();
        self.begin()?;
        let node = self.lookup(&name)?;
        let open = self.files.iter().find(|(_, file)| file.node == node).map(|(&id, _)| id);
        if let Some(id) = open {
            let aside = self.set_aside(FileId(id), node);
            self.fs.forget(node, 1);
            return aside;
        }
        let root = self.fs.root();
        let unlinked = self.lib().unlink(root, Name::new(&name));
        self.fs.forget(node, 1);
        self.noted(unlinked)
    }

    /// Gives the entry of an open file a reserved name, in place: one sector is written, no slot is needed in a full directory, and a cut
    /// leaves the old name, or the new one behind slots that belong to nothing.
    fn set_aside(&mut self, id: FileId, node: NodeId) -> Result<(), Error<D::Error>> {
        let entry = self.entry(node).inspect_err(|error| self.looked(error))?;
        let reserved = aside_entry(id.0);
        let rename = |slot: &mut [u8]| {
            slot[..11].copy_from_slice(&reserved);
            slot[12] = 0; // the bits that show a short name in small letters
        };
        let renamed = patch(&self.dev, entry.offset, rename);
        // A failed write may have arrived; what can be read now is what is so.
        let arrived = match &renamed {
            Ok(()) => Some(true),
            Err(_) => self.entry(node).ok().map(|entry| entry.raw[..11] == reserved),
        };
        if let Some(file) = self.files.get_mut(&id.0) {
            file.aside |= arrived != Some(false);
        }
        if let (Err(error), None | Some(false)) = (renamed, arrived) {
            return Err(Error::Device(error));
        }
        if delete_slots(&self.dev, &entry.long).is_err() {
            // The name is gone; what is left of it is cleared before the next change.
            self.unsettled = true;
        }
        Ok(())
    }

    /// The directory entry of a node.
    fn entry(&mut self, node: NodeId) -> Result<Entry, Error<D::Error>> {
        let mut record = [Extent::new(0, 0)];
        if self.lib().records(node, &mut record)? == 0 {
            return Err(Error::Corrupt);
        }
        Ok(entry_at(&self.dev, &self.geo, record[0].offset())?)
    }

    /// What the library's "no space" meant when it made an entry.
    fn which_is_full(&mut self) -> Error<D::Error> {
        if matches!(self.geo.root(), RootLocation::Fixed { .. }) || self.geo.kind() != FatKind::Fat32 {
            return Error::DirectoryFull;
        }
        match self.lib().statfs() {
            Ok(stats) if stats.free_blocks() > 0 => Error::DirectoryFull,
            Ok(_) => Error::VolumeFull,
            Err(error) => error.into(),
        }
    }
}
