//! The mounted volume: names, creation and removal, and the table of files that are open.
//!
//! One sleeping lock (rank 4a) around `fl_volume::Volume`. Who holds it runs on a stack of the volume's own, because mounting and what follows a
//! failure of the disk take more than a thread's stack has. Its holder waits for the disk, never for user memory or a file's map.

use super::disk::Disk;
use super::error::{CreateError, IoError, OpenError, RemoveError, WriteError};
use super::file::{File, InodeId};
use crate::dev::block::{self, BlockDevice, BlockError, Role};
use crate::mm::budget::{self, Reservation};
use crate::mm::stacks::KernelStack;
use crate::sched::SleepLock;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use fl_volume::{Error, Extents, MountError, Repairs, Volume};

/// What is mounted.
struct Mounted {
    volume: Volume<Disk>,
    disk: Disk,
    /// Files that are open, and those dropped that are still to be closed.
    open: BTreeMap<InodeId, Weak<File>>,
}

/// The volume and the stack that its calls run on. `None`: before mounting, and from power-off on.
static MOUNTED: SleepLock<Option<(KernelStack, Mounted)>> = SleepLock::new(None);

/// A [`File`] was dropped: `Mounted::open` has something to close. Release and Acquire: who sees it sees that the file is gone.
static DROPPED: AtomicBool = AtomicBool::new(false);

/// Why there is no volume.
pub enum NoVolume {
    /// There is no disk at all.
    NoDisk,
    /// None of so many disks holds a FAT volume.
    NoneOf(usize),
    /// One does, but it cannot be used.
    Refused(&'static str, MountError<BlockError>),
    /// No kernel memory.
    NoMemory,
}

impl fmt::Display for NoVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisk => f.write_str("no disk to take programs from: attach a virtio disk, or give one as the boot module \"disk\""),
            Self::NoneOf(disks) => write!(f, "no FAT volume on any of the disks ({disks}): cargo xtask run makes one"),
            Self::Refused(kind, why) => write!(f, "the volume on the disk ({kind}) cannot be used: {why}"),
            Self::NoMemory => f.write_str("no kernel memory for the volume"),
        }
    }
}

/// Mounts the first disk that holds a volume. Returns what had to be put right. Once, at boot.
pub fn mount() -> Result<Repairs, NoVolume> {
    let disks = block::disks();
    if disks.is_empty() {
        return Err(NoVolume::NoDisk);
    }
    let mut stack = KernelStack::large().ok_or(NoVolume::NoMemory)?;
    for &disk in disks {
        let volume = match stack.run(|| Volume::mount(Disk(disk))) {
            Ok(volume) => volume,
            Err(MountError::NotFat) => continue,
            Err(why) => return Err(NoVolume::Refused(disk.kind(), why)),
        };
        disk.used_for(Role::Volume);
        let repairs = volume.repairs();
        defmt::info!("volume: on the disk of {=u64} sectors ({=str})", disk.sectors(), disk.kind());
        *MOUNTED.lock() = Some((stack, Mounted { volume, disk: Disk(disk), open: BTreeMap::new() }));
        return Ok(repairs);
    }
    Err(NoVolume::NoneOf(disks.len()))
}

/// The disk that the volume is on.
pub fn disk() -> Option<&'static dyn BlockDevice> {
    MOUNTED.lock().as_ref().map(|(_, mounted)| mounted.disk.0)
}

/// Heap that a call of the library takes while it runs (9 KiB), and what it keeps of it for a name or a file that is open, with the tables here.
const CALL: usize = 12 << 10;

/// Heap for a call that may keep some of it, or the answer to give instead. Calls that give memory back, or finish what was begun, do not ask:
/// they use the heap's reserve.
fn reserve() -> Result<Reservation, IoError> {
    budget::reserve(0, CALL).ok_or(IoError::NoMemory)
}

/// Opens the file of that name.
pub fn open(name: &[u8]) -> Result<Arc<File>, OpenError> {
    let _memory = reserve()?;
    locked(|mounted| {
        let id = mounted.volume.open(name).map_err(OpenError::of)?;
        if let Some(known) = mounted.open.get(&id) {
            // One open of the volume's for each file. This cannot fail: it is not the last.
            let _ = mounted.volume.close(id);
            if let Some(file) = known.upgrade() {
                return Ok(file);
            }
        }
        let map = mounted.volume.extents(id).map_err(OpenError::of)?;
        let file = Arc::new(File::new(id, mounted.disk, map));
        mounted.open.insert(id, Arc::downgrade(&file));
        Ok(file)
    })?
}

/// Makes a file of `size` zero bytes, all of which have their room then.
pub fn create(name: &[u8], size: u64) -> Result<(), CreateError> {
    let _memory = reserve()?;
    locked(|mounted| mounted.volume.create(name, size).map_err(CreateError::of))?
}

/// Removes a file: its name is free at once. Those who have it open keep it as it is.
pub fn remove(name: &[u8]) -> Result<(), RemoveError> {
    locked(|mounted| mounted.volume.remove(name).map_err(RemoveError::of))?
}

/// Returns when all that was done is on the disk for good.
pub fn sync() -> Result<(), IoError> {
    locked(|mounted| mounted.volume.sync().map_err(IoError::from))?
}

/// Leaves the volume in order, for power-off. With no file open it stays mounted and takes the memory that it took at boot, so that leaks can be
/// counted; files that are still open, because programs were halted, are closed, and nothing is mounted any more.
pub fn leave() -> Result<(), IoError> {
    let idle = locked(|mounted| match mounted.open.is_empty() {
        true => mounted.volume.trim().map(|()| true),
        false => Ok(false),
    })??;
    match MOUNTED.lock().take_if(|_| !idle) {
        Some((mut stack, Mounted { volume, .. })) => Ok(stack.run(|| volume.unmount())?),
        None => Ok(()),
    }
}

/// Makes a file larger, up to `end` bytes, if byte `from` is inside it then; its map. With the file's map alone in hand.
pub(super) fn grow(id: InodeId, from: u64, end: u64) -> Result<Extents, WriteError> {
    let _memory = reserve()?;
    locked(|Mounted { volume, .. }| {
        volume.grow_up_to(id, from, end).map_err(WriteError::of)?;
        volume.extents(id).map_err(WriteError::of)
    })?
}

/// For a file that goes: it is closed before the next thing that is done with the volume. Never sleeps, takes no lock.
pub(super) fn note_dropped() {
    DROPPED.store(true, Ordering::Release);
}

/// Does something with the volume.
fn locked<R>(f: impl FnOnce(&mut Mounted) -> R) -> Result<R, IoError> {
    let mut mounted = MOUNTED.lock();
    let (stack, mounted) = mounted.as_mut().ok_or(IoError::Disk(BlockError::Gone))?;
    Ok(stack.run(|| {
        mounted.close_dropped();
        f(mounted)
    }))
}

impl Mounted {
    fn close_dropped(&mut self) {
        if !DROPPED.swap(false, Ordering::Acquire) {
            return;
        }
        let Self { volume, open, .. } = self;
        open.retain(|&id, file| {
            let live = file.strong_count() > 0;
            if !live && let Err(why) = volume.close(id) {
                // It is closed all the same; what remains to be done on the disk is done when the disk lets us.
                defmt::warn!("volume: closing a file: {}", defmt::Display2Format(&why));
            }
            live
        });
        if open.is_empty() {
            *open = BTreeMap::new(); // an empty map keeps a node: an idle machine's heap is to be as it was at boot
        }
    }
}

/// What an answer of the volume's means where nothing but its own trouble is expected.
impl From<Error<BlockError>> for IoError {
    fn from(error: Error<BlockError>) -> Self {
        match error {
            Error::Device(why) => Self::Disk(why),
            Error::NoMemory => Self::NoMemory,
            _ => Self::Damaged,
        }
    }
}

impl OpenError {
    fn of(error: Error<BlockError>) -> Self {
        match error {
            Error::Name(_) | Error::NotFound | Error::NotAFile => Self::NotFound,
            other => Self::Io(other.into()),
        }
    }
}

impl CreateError {
    fn of(error: Error<BlockError>) -> Self {
        match error {
            Error::Name(_) => Self::Name,
            Error::Exists => Self::Exists,
            Error::VolumeFull | Error::DirectoryFull | Error::TooLarge => Self::NoRoom,
            other => Self::Io(other.into()),
        }
    }
}

impl RemoveError {
    fn of(error: Error<BlockError>) -> Self {
        match error {
            Error::Name(_) | Error::NotFound | Error::NotAFile => Self::NotFound,
            other => Self::Io(other.into()),
        }
    }
}

impl WriteError {
    fn of(error: Error<BlockError>) -> Self {
        match error {
            Error::TooLarge => Self::TooLarge,
            other => Self::Io(other.into()),
        }
    }
}

impl From<Error<BlockError>> for WriteError {
    fn from(error: Error<BlockError>) -> Self {
        Self::of(error)
    }
}
