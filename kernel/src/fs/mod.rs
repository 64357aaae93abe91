//! Files: names, [`File`]s that are open, and the volume they lie on.
//!
//! One flat directory. A name is 1 to 14 bytes of any value. Everything here may sleep and holds no spin lock; buffers are kernel memory,
//! never a program's, because a fault on those may need this layer.

mod disk;
mod error;
mod file;
mod volume;

pub use error::{CreateError, IoError, OpenError, RemoveError, WriteError};
pub use file::{DenyWrite, File, InodeId, Pages};
pub use volume::{create, disk, leave, mount, open, remove, sync};
