//! A mounted volume: [`Volume`], its table of open files, and the rules that keep library, raw I/O and disk in step.
//!
//! Creating and removing is in `change.rs`, mounting in `mount.rs`, what a failing device asks for in `settle.rs`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use hadris_fat::Geometry;
use hadris_fat::sync::FatFs;
use hadris_fs::{Extent, FileType, Name, NodeId, OpenMode};

use crate::device::{Adapter, BlockDevice};
use crate::error::Error;
use crate::extents::Extents;
use crate::marker::Marker;
use crate::names::{ASIDE_MAX, FileName};
use crate::repair::Repairs;
use crate::root::{Item, RootError, Slots, first_cluster, raw_entry};

/// Files hold at most this many bytes.
pub(crate) const SIZE_MAX: u64 = u32::MAX as u64;

/// The metadata library. It holds a block of buffer, so it lives on the heap.
pub(crate) type Library<D> = Box<FatFs<Adapter<D>>>;

/// An open file. It names the file, not the opening: two opens of one file give the same id, and each needs its [`Volume::close`]. An id
/// is not used again before 268 million others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) u32);

/// One open file.
pub(crate) struct Open {
    /// The library's handle, pinned and opened once.
    pub(crate) node: NodeId,
    /// Opens without their close.
    pub(crate) opens: u32,
    /// The file was removed: its entry has a reserved name, or may have it after a failure of the device, and goes with the last close.
    pub(crate) aside: bool,
    pub(crate) extents: Extents,
}

/// A mounted FAT volume with one flat directory.
///
/// Owns: the metadata library's state, the table of open files. Does not own: the disk, which others use at the same time through
/// [`Extents`]. Lifecycle: [`mount`](Self::mount), operations, [`unmount`](Self::unmount); dropped without that it counts as dirty if anything
/// was changed after the last [`sync`](Self::sync).
///
/// Lock: one sleeping lock around the whole, which the `&mut self` of its methods stands for. They do I/O and may wait for the device; none
/// of them touches user memory or calls back. Page I/O takes no lock of the volume but goes through a clone of the file's [`Extents`].
///
/// Stack: mounting, and what follows a failure of the device, take 12 KiB, all else 3. Heap: 5 KiB for the volume, 24 bytes per run of an
/// open file, up to 9 KiB while a call runs; a repair takes a bit per cluster and the names.
pub struct Volume<D: BlockDevice> {
    pub(crate) dev: D,
    pub(crate) fs: Library<D>,
    pub(crate) geo: Geometry,
    pub(crate) marker: Marker,
    pub(crate) files: BTreeMap<u32, Open>,
    pub(crate) next: u32,
    /// Names to unlink as soon as the device lets us. They count as removed.
    pub(crate) doomed: Vec<String>,
    /// The device failed: nothing is changed before what was under way is finished or undone.
    pub(crate) unsettled: bool,
    /// The volume contradicts itself: nothing is changed any more and it stays marked.
    pub(crate) damaged: bool,
    pub(crate) repairs: Repairs,
}

impl<D: BlockDevice + Clone> Volume<D> {
    /// What mounting had to put right.
    pub fn repairs(&self) -> Repairs {
        self.repairs
    }

    /// Opens a file, or counts one more open of a file that is open.
    pub fn open(&mut self, name: &[u8]) -> Result<FileId, Error<D::Error>> {
        let name = FileName::new(name)?.escaped();
        let node = self.lookup(&name)?;
        if let Some((&id, file)) = self.files.iter_mut().find(|(_, file)| file.node == node) {
            file.opens += 1;
            self.fs.forget(node, 1);
            return Ok(FileId(id));
        }
        match self.open_node(node) {
            Ok(extents) => {
                let id = self.fresh_id();
                self.files.insert(id, Open { node, opens: 1, aside: false, extents });
                Ok(FileId(id))
            }
            Err(error) => {
                self.fs.forget(node, 1);
                Err(error)
            }
        }
    }

    /// Ends one open. With the last one the id is dead and a removed file's clusters are free. An error tells of trouble with the disk; the
    /// file is closed all the same, and what remains to be done on the disk is done later.
    pub fn close(&mut self, id: FileId) -> Result<(), Error<D::Error>> {
        let file = self.files.get_mut(&id.0).ok_or(Error::NotOpen)?;
        file.opens -= 1;
        if file.opens > 0 {
            return Ok(());
        }
        match self.files.remove(&id.0) {
            Some(file) => self.let_go(id, &file),
            None => Ok(()),
        }
    }

    /// Bytes of an open file.
    pub fn size(&self, id: FileId) -> Result<u64, Error<D::Error>> {
        Ok(self.file(id)?.extents.size())
    }

    /// Where an open file lies on the disk, for raw I/O. Call it again after the file grew.
    pub fn extents(&self, id: FileId) -> Result<Extents, Error<D::Error>> {
        Ok(self.file(id)?.extents.clone())
    }

    /// Reads from byte `offset` on; returns how many bytes, 0 at or behind the end.
    pub fn read(&self, id: FileId, offset: u64, buf: &mut [u8]) -> Result<usize, Error<D::Error>> {
        self.file(id)?.extents.read(&self.dev, offset, buf)
    }

    /// Writes at byte `offset`, all or nothing as far as room is concerned: a file that is too small grows first, and a gap reads as zeros.
    pub fn write(&mut self, id: FileId, offset: u64, buf: &[u8]) -> Result<usize, Error<D::Error>> {
        let size = self.file(id)?.extents.size();
        if buf.is_empty() {
            return Ok(0);
        }
        let end = offset.checked_add(buf.len() as u64).ok_or(Error::TooLarge)?;
        if end > size {
            self.grow(id, end)?;
        }
        self.file(id)?.extents.write(&self.dev, offset, buf)
    }

    /// Makes a file at least `size` bytes long; what is new reads as zeros. Costs a walk of the file's chain and the writing of the zeros, so
    /// grow a large file in large steps. The sector with the old end is rewritten: nobody may write to it meanwhile. The size on the
    /// disk follows with [`sync`](Self::sync) or the last close.
    pub fn grow(&mut self, id: FileId, size: u64) -> Result<(), Error<D::Error>> {
        if size > SIZE_MAX {
            return Err(Error::TooLarge);
        }
        self.file(id)?;
        self.begin()?;
        let file = self.file(id)?;
        if size <= file.extents.size() {
            return Ok(());
        }
        let node = file.node;
        let grown = self.lib().truncate(node, size);
        self.noted(grown)?;
        let reloaded = self.reload(id);
        // Library and map disagree until the map can be made.
        self.unsettled |= reloaded.is_err();
        reloaded
    }

    /// Makes a file as long as the volume has room for, at most `most` bytes, provided that byte `from` is inside it then. Returns its size,
    /// which is the old one if there is no room for that.
    pub fn grow_up_to(&mut self, id: FileId, from: u64, most: u64) -> Result<u64, Error<D::Error>> {
        match self.grow(id, most) {
            Err(Error::VolumeFull) => {}
            grown => return grown.and_then(|()| self.size(id)),
        }
        let cluster = u64::from(self.geo.cluster_size());
        let room = self.size(id)?.next_multiple_of(cluster) + self.free_bytes()?;
        if room > from {
            self.grow(id, room.min(most))?;
        }
        self.size(id)
    }

    /// The names of all files, in the order of the directory. Entries that a host made under names that no file here can have are left out.
    pub fn names(&self) -> Result<Vec<FileName>, Error<D::Error>> {
        let mut names = Vec::new();
        let mut slots = Slots::new(&self.dev, &self.geo)?;
        while let Some(item) = slots.next()? {
            let Item::Entry(entry) = item else { continue };
            let escaped = entry.name();
            if let Some(name) = FileName::from_escaped(escaped.as_bytes())
                && !entry.is_directory()
                && !self.doomed.contains(&escaped)
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Bytes of free clusters. Reads the whole table the first time.
    pub fn free_bytes(&mut self) -> Result<u64, Error<D::Error>> {
        Ok(self.lib().statfs()?.free_bytes())
    }

    /// Writes all that is pending, flushes the device, and marks the volume as clean. After it, a crash loses nothing of what was done before.
    pub fn sync(&mut self) -> Result<(), Error<D::Error>> {
        if self.unsettled {
            self.settle()?;
        }
        let synced = self.lib().sync();
        self.noted(synced)?;
        if self.damaged {
            return Err(Error::Corrupt);
        }
        self.marker.clear(&self.dev).map_err(Error::Device)
    }

    /// Syncs, and lets go of what is only remembered for speed: with no file open the volume then takes the memory that it took when it was
    /// mounted, to the byte.
    pub fn trim(&mut self) -> Result<(), Error<D::Error>> {
        self.sync()?;
        if self.files.is_empty() {
            self.fs = self.fresh_library()?;
            self.files = BTreeMap::new(); // an empty map keeps a node
            self.doomed = Vec::new();
        }
        Ok(())
    }

    /// Closes every file, unlinks those that were removed, and leaves the volume clean. An error is as good as a crash: the volume is still
    /// marked as in use, the next mount repairs it, and what was not synced may be lost.
    pub fn unmount(mut self) -> Result<(), Error<D::Error>> {
        while let Some((id, file)) = self.files.pop_first() {
            self.let_go(FileId(id), &file)?;
        }
        self.sync()
    }

    pub(crate) fn file(&self, id: FileId) -> Result<&Open, Error<D::Error>> {
        self.files.get(&id.0).ok_or(Error::NotOpen)
    }

    /// The library, for one call. Its one-block buffer and its positions are thrown away first: raw I/O may have changed what they hold.
    pub(crate) fn lib(&mut self) -> &mut FatFs<Adapter<D>> {
        self.fs.clear_cache();
        &mut self.fs
    }

    /// The pinned node of a name.
    pub(crate) fn lookup(&mut self, escaped: &String) -> Result<NodeId, Error<D::Error>> {
        if self.doomed.contains(escaped) {
            return Err(Error::NotFound);
        }
        let root = self.fs.root();
        let found = self.lib().lookup(root, Name::new(escaped)).map_err(Error::from);
        found.inspect_err(|error| self.looked(error))
    }

    /// Makes the map of an open file anew from what the library knows.
    pub(crate) fn reload(&mut self, id: FileId) -> Result<(), Error<D::Error>> {
        let file = self.file(id)?;
        let (node, old) = (file.node, file.extents.clone());
        let extents = self.map(node, &old)?;
        if let Some(file) = self.files.get_mut(&id.0) {
            file.extents = extents;
        }
        Ok(())
    }

    /// An id that no open file has. The count starts again where the reserved names end, after 268 million.
    fn fresh_id(&mut self) -> u32 {
        loop {
            let id = self.next;
            self.next = if id == ASIDE_MAX { 1 } else { id + 1 };
            if !self.files.contains_key(&id) {
                return id;
            }
        }
    }

    fn open_node(&mut self, node: NodeId) -> Result<Extents, Error<D::Error>> {
        let opened = self.lib().open(node, OpenMode::Write).map_err(Error::from);
        opened.inspect_err(|error| self.looked(error))?;
        let extents = self.map(node, &Extents::default());
        if let Err(error) = &extents {
            self.looked(error);
            // Nothing is pending for a file that was just opened, so this only ends the open.
            let _ = self.fs.close(node);
        }
        extents
    }

    /// The map of a file of which `old` is the map when it was smaller, or empty.
    fn map(&mut self, node: NodeId, old: &Extents) -> Result<Extents, Error<D::Error>> {
        let meta = self.lib().stat(node)?;
        if meta.file_type() != FileType::File {
            return Err(Error::NotAFile);
        }
        // The library's own answer would cost a walk of the whole chain. What it holds back from the disk is sizes, never first clusters.
        let mut record = [Extent::new(0, 0)];
        self.lib().records(node, &mut record)?;
        let entry = raw_entry(&self.dev, record[0].offset()).map_err(Error::Device)?;
        let first = Some(first_cluster(&entry, self.geo.kind())).filter(|&cluster| cluster != 0);
        // A file that an undone growth made smaller again is mapped from its start.
        let old = if meta.len() < old.size() { Extents::default() } else { old.clone() };
        old.resolve(&self.dev, &self.geo, first, meta.len())
    }

    /// Ends the library's open of a file that is in the table no more.
    fn let_go(&mut self, id: FileId, file: &Open) -> Result<(), Error<D::Error>> {
        let closed = self.lib().close(file.node);
        self.fs.forget(file.node, 1);
        let closed = self.noted(closed);
        if file.aside {
            self.doom(crate::names::aside_name(id.0))?;
        }
        closed
    }
}

impl<E> From<RootError<E>> for Error<E> {
    fn from(error: RootError<E>) -> Self {
        match error {
            RootError::Device(error) => Self::Device(error),
            RootError::Chain | RootError::NoEntry => Self::Corrupt,
        }
    }
}
