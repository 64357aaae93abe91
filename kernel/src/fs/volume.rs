//! The boot-module volume: an ustar archive that the bootloader loaded, read in place by crate `tar-no-std`.

use crate::sync::Once;
use alloc::sync::Arc;
use fl_elf::{OutOfBounds, Source};
use tar_no_std::{ArchiveEntry, TarArchiveRef};

static VOLUME: Once<TarArchiveRef<'static>> = Once::new();

/// The module is not an ustar archive: whoever made the volume is at fault.
#[derive(Clone, Copy, Debug)]
pub struct NotAnArchive;

/// An open file. Cheap to clone by `Arc`; its bytes never change.
pub struct File {
    data: &'static [u8],
}

impl Source for File {
    type Error = OutOfBounds;
    fn len(&self) -> u64 {
        self.data.len() as u64
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        self.data.read_at(offset, buf)
    }
}

/// Uses `archive` as the volume. Once, at boot.
pub fn mount(archive: &'static [u8]) -> Result<(), NotAnArchive> {
    let volume = TarArchiveRef::new(archive).map_err(|_| NotAnArchive)?;
    VOLUME.call_once(|| volume);
    Ok(())
}

/// Opens the file of that name.
pub fn open(name: &[u8]) -> Option<Arc<File>> {
    let is_it = |e: &ArchiveEntry<'_>| e.filename().as_str().is_ok_and(|n| n.as_bytes() == name);
    let entry = VOLUME.get()?.entries().find(is_it)?;
    Some(Arc::new(File { data: entry.data() }))
}
