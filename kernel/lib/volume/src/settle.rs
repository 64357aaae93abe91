//! Order around changes and failures: what comes before a change, and how disk, library and table of files come in step again after the
//! device failed.

use alloc::string::String;
use alloc::vec::Vec;

use hadris_fs::{Extent, Name, NodeId, OpenMode};
use hadris_io::{Error as LibError, ErrorKind};

use crate::device::BlockDevice;
use crate::error::{Error, MountError};
use crate::mount::library;
use crate::repair::put_right;
use crate::root::entry_at;
use crate::volume::{FileId, Library, Volume};

/// A second library on the same disk, and in it the nodes of the open files, in the order of the table.
struct Fresh<D: BlockDevice> {
    fs: Library<D>,
    nodes: Vec<NodeId>,
}

impl<D: BlockDevice + Clone> Volume<D> {
    /// Comes before any change: the disk says "in use", and nothing half done is left.
    pub(crate) fn begin(&mut self) -> Result<(), Error<D::Error>> {
        if self.damaged {
            return Err(Error::Corrupt);
        }
        self.marker.set(&self.dev).map_err(Error::Device)?;
        if self.unsettled { self.settle() } else { Ok(()) }
    }

    /// Takes note of the outcome of a change by the library. After a failure of the device the volume is settled at once; if that fails too, it
    /// comes before the next change. Nodes from before are not valid after a failure, except those in the table of files.
    pub(crate) fn noted<T>(&mut self, result: Result<T, LibError<D::Error>>) -> Result<T, Error<D::Error>> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let kind = error.kind();
        let error = Error::from(error);
        if kind == ErrorKind::Io {
            self.unsettled = true;
            // Its own failure is the same news again.
            let _ = self.settle();
        }
        self.looked(&error);
        Err(error)
    }

    /// Takes note of a failure: a volume that contradicts itself is marked, so that the next mount looks at it, and not changed any more.
    pub(crate) fn looked(&mut self, error: &Error<D::Error>) {
        if matches!(error, Error::Corrupt) && !self.damaged {
            self.damaged = true;
            // If even this fails, there is nothing more to do.
            let _ = self.marker.set(&self.dev);
        }
    }

    /// Unlinks a name that is nobody's any more: now, or when the device answers again.
    pub(crate) fn doom(&mut self, escaped: String) -> Result<(), Error<D::Error>> {
        self.doomed.push(escaped);
        if let Err(error) = self.begin() {
            self.unsettled = true;
            return Err(error);
        }
        // Settling, if that was due, has unlinked it already.
        let Some(name) = self.doomed.last().cloned() else { return Ok(()) };
        let root = self.fs.root();
        let unlinked = self.lib().unlink(root, Name::new(&name));
        match self.noted(unlinked) {
            Ok(()) | Err(Error::NotFound) => {
                self.doomed.pop();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Brings disk, library and table of files in step again after the device failed.
    pub(crate) fn settle(&mut self) -> Result<(), Error<D::Error>> {
        let settled = self.marker.set(&self.dev).map_err(Error::Device).and_then(|()| self.settle_steps());
        if let Err(error) = &settled {
            self.looked(error);
        }
        settled
    }

    /// The library finishes or undoes what it was at, and writes sizes that are pending. It takes a failed write for one that did not happen,
    /// so slots, clusters and its count of them may still be off: the disk is repaired as after a crash, and the library starts afresh from it.
    fn settle_steps(&mut self) -> Result<(), Error<D::Error>> {
        self.lib().sync()?;
        match put_right(&self.dev, &self.geo) {
            Ok(_) => {}
            Err(MountError::Device(error)) => return Err(Error::Device(error)),
            Err(MountError::NoMemory) => return Err(Error::NoMemory),
            Err(_) => return Err(Error::Corrupt),
        }
        let Fresh { fs, nodes } = self.afresh()?;
        self.fs = fs;
        for (file, node) in self.files.values_mut().zip(nodes) {
            file.node = node;
        }
        while let Some(name) = self.doomed.last() {
            let root = self.fs.root();
            self.fs.clear_cache();
            match self.fs.unlink(root, Name::new(name)).map_err(Error::from) {
                Ok(()) | Err(Error::NotFound) => self.doomed.pop(),
                Err(error) => return Err(error),
            };
        }
        let ids: Vec<u32> = self.files.keys().copied().collect();
        for id in ids {
            self.reload(FileId(id))?;
        }
        self.unsettled = false;
        Ok(())
    }

    /// A library that knows nothing yet, on the disk as it is.
    pub(crate) fn fresh_library(&self) -> Result<Library<D>, Error<D::Error>> {
        match library(&self.dev) {
            Ok(fs) => Ok(fs),
            Err(MountError::Device(error)) => Err(Error::Device(error)),
            Err(_) => Err(Error::Corrupt),
        }
    }

    /// A second library on the disk as it is, and in it the nodes of the open files, found by where their entries lie.
    fn afresh(&mut self) -> Result<Fresh<D>, Error<D::Error>> {
        let mut fs = self.fresh_library()?;
        let mut nodes = Vec::with_capacity(self.files.len());
        for file in self.files.values() {
            let mut record = [Extent::new(0, 0)];
            self.fs.records(file.node, &mut record)?;
            let entry = entry_at(&self.dev, &self.geo, record[0].offset())?;
            let root = fs.root();
            let node = fs.lookup(root, Name::new(&entry.name()))?;
            fs.open(node, OpenMode::Write)?;
            nodes.push(node);
        }
        Ok(Fresh { fs, nodes })
    }
}
