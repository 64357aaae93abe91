//! The boot-module volume: an ustar archive that the bootloader loaded, read in place by crate `tar-no-std`.

use super::error::{CreateError, IoError, OpenError, RemoveError};
use super::file::{File, InodeId};
use crate::sched::SleepLock;
use crate::sync::Once;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use fl_block::BlockError;
use tar_no_std::TarArchiveRef;

static VOLUME: Once<TarArchiveRef<'static>> = Once::new();

/// Files that are open, or were until a moment ago.
static OPEN: SleepLock<BTreeMap<u32, Weak<File>>> = SleepLock::new(BTreeMap::new());

/// The module is not an ustar archive: whoever made the volume is at fault.
#[derive(Clone, Copy, Debug)]
pub struct NotAnArchive;

/// Uses `archive` as the volume. Once, at boot.
pub fn mount(archive: &'static [u8]) -> Result<(), NotAnArchive> {
    let volume = TarArchiveRef::new(archive).map_err(|_| NotAnArchive)?;
    VOLUME.call_once(|| volume);
    Ok(())
}

/// Opens the file of that name.
pub fn open(name: &[u8]) -> Result<Arc<File>, OpenError> {
    let volume = VOLUME.get().ok_or(OpenError::NotFound)?;
    let named = |e: &tar_no_std::ArchiveEntry<'_>| e.filename().as_str().is_ok_and(|n| n.as_bytes() == name);
    let (number, entry) = (1..).zip(volume.entries()).find(|(_, e)| named(e)).ok_or(OpenError::NotFound)?;
    let mut open = OPEN.lock();
    open.retain(|_, file| file.strong_count() > 0);
    if let Some(file) = open.get(&number).and_then(Weak::upgrade) {
        return Ok(file);
    }
    let file = Arc::new(File::new(InodeId(number), entry.data()));
    open.insert(number, Arc::downgrade(&file));
    Ok(file)
}

/// Makes a file of `size` zero bytes, all of which have their room then.
pub fn create(_name: &[u8], _size: u64) -> Result<(), CreateError> {
    Err(IoError::Disk(BlockError::ReadOnly).into())
}

/// Removes a file: its name is free at once. Those who have it open keep it as it is.
pub fn remove(_name: &[u8]) -> Result<(), RemoveError> {
    Err(IoError::Disk(BlockError::ReadOnly).into())
}

/// Returns when all that was done is on the disk for good.
pub fn sync() -> Result<(), IoError> {
    let mut open = OPEN.lock();
    open.retain(|_, file| file.strong_count() > 0);
    if open.is_empty() {
        *open = BTreeMap::new(); // so that an idle machine's heap is as it was at boot
    }
    Ok(())
}
