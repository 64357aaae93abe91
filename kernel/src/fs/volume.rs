//! The boot-module volume: an ustar archive that the bootloader loaded, read in place by crate `tar-no-std`.

use crate::sync::Once;
use alloc::sync::Arc;
use fl_abi::FILE_NAME_MAX;
use fl_elf::{OutOfBounds, Source};
use tar_no_std::TarArchiveRef;

static VOLUME: Once<TarArchiveRef<'static>> = Once::new();

/// Why the volume cannot be used.
#[derive(Clone, Copy, Debug)]
pub enum VolumeError {
    /// The module is not an ustar archive.
    NotTar,
}

/// An open file. Cheap to clone by `Arc`; its bytes never change.
pub struct File {
    name: [u8; FILE_NAME_MAX],
    data: &'static [u8],
}

impl File {
    /// Its name.
    pub fn name(&self) -> &str {
        let len = self.name.iter().position(|&b| b == 0).unwrap_or(self.name.len());
        core::str::from_utf8(&self.name[..len]).unwrap_or("?")
    }
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
pub fn mount(archive: &'static [u8]) -> Result<(), VolumeError> {
    let volume = TarArchiveRef::new(archive).map_err(|_| VolumeError::NotTar)?;
    VOLUME.call_once(|| volume);
    Ok(())
}

/// Opens the file of that name.
pub fn open(name: &str) -> Option<Arc<File>> {
    let entry = VOLUME.get()?.entries().find(|e| e.filename().as_str() == Ok(name))?;
    let mut kept = [0; FILE_NAME_MAX];
    kept.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(Arc::new(File { name: kept, data: entry.data() }))
}
