//! What can go wrong with files, and whose fault it is.

use core::fmt;
use fl_block::BlockError;

/// The volume could not do its part, though nothing was wrong with the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoError {
    /// The disk failed. Asking again may help.
    Disk(BlockError),
    /// The volume contradicts itself. It is repaired, or refused, when it is mounted the next time.
    Damaged,
    /// No kernel memory.
    NoMemory,
}

/// Why a file was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// There is none of that name; no file can have an empty name, or one of more than 14 bytes.
    NotFound,
    /// See there.
    Io(IoError),
}

/// Why a file was not made. There is none of that name then that was not there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateError {
    /// No file can have this name: it is empty, or has more than 14 bytes.
    Name,
    /// There is one of that name.
    Exists,
    /// No room for it on the volume, or for its name in the directory; or it is larger than any file can be.
    NoRoom,
    /// See there.
    Io(IoError),
}

/// Why a file was not removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemoveError {
    /// There is none of that name.
    NotFound,
    /// See there.
    Io(IoError),
}

/// Why nothing was written, or not known how much. A full volume is no error: less is written than was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// It would pass the size that a file can have, 4 GiB - 1.
    TooLarge,
    /// See there.
    Io(IoError),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Damaged => f.write_str("the volume is damaged"),
            Self::NoMemory => f.write_str("out of kernel memory"),
        }
    }
}

impl core::error::Error for IoError {}

/// Each of the others is an [`IoError`] at worst.
macro_rules! from_io {
    ($($error:ty)*) => {$(
        impl From<IoError> for $error {
            fn from(error: IoError) -> Self {
                Self::Io(error)
            }
        }
    )*};
}
from_io!(OpenError CreateError RemoveError WriteError);
