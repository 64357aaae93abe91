//! The FAT volume: files by byte-exact name, page I/O through extent maps, repair after a crash.
//!
//! * [`Volume`]: mount, open, create, remove, read, write, grow, sync, unmount. Its metadata is changed by the crate `hadris-fat`.
//! * [`Extents`]: where an open file lies on the disk, for raw I/O without the volume's lock.
//! * [`BlockDevice`]: the disk under it, implemented by the kernel's block queue and RAM disk, and by [`RamDisk`] on the host.
//! * [`FileName`]: 1 to 14 bytes of any value, and how they are written so that FAT keeps them.
//! * [`image`]: formats a disk and fills it, the same bytes every time.
//!
//! # What it promises
//!
//! * **Flat.** One directory, the root. Directories that a host made are left alone and cannot be opened. Host-made files in capitals are seen
//!   in small letters; other names that [`FileName::escaped`] would not write are not seen, and kept.
//! * **A name and its file part at once** on [`Volume::remove`]; the file lives until its last close, also when it is mapped (the mapping holds an
//!   open). Its clusters are not used for anything else before.
//! * **Ids name files**, not openings; positions are the caller's business.
//! * **Times** are not kept: there is no clock below this, and images are the same bytes every time. Reading changes nothing on the disk.
//! * **After a crash**: what was there at the last [`Volume::sync`] and was not changed since is there byte by byte. A file that was being
//!   written has, inside its old size, old or new bytes; its size is the old or a later one. This holds when sectors reach the medium in the
//!   order they were written. A medium that reorders may leave what repair refuses to guess at, never a volume that is used as it is.
//! * **After a device error** the operation under way is undone or finished before anything else is changed.
//!
//! # Keeping library and raw I/O in step
//!
//! File data never goes through the library's block buffer, except when a growing file's last sector is zeroed; so the buffer is dropped
//! before each call of the library. A file that is removed while open gets its reserved name by a change in place, not by a rename:
//! that works in a full directory and never leaves a file under two names.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod change;
mod device;
mod error;
mod extents;
mod fat;
pub mod image;
mod marker;
mod mount;
mod names;
mod repair;
mod root;
mod settle;
mod volume;

pub use device::{BlockDevice, Overlay, PastEnd, RamDisk, SECTOR};
pub use error::{Blame, Damage, Error, MountError, NameError};
pub use extents::{Extents, Run};
pub use mount::check;
pub use names::{FileName, NAME_MAX};
pub use repair::Repairs;
pub use volume::{FileId, Volume};

/// The kernel hands volumes and maps from thread to thread.
const _: () = {
    const fn assert_send<T: Send>() {}
    #[allow(dead_code)] // compiled, which is the check
    const fn volumes_are_send<D: BlockDevice + Send>() {
        assert_send::<Volume<D>>();
        assert_send::<Extents>();
    }
};
