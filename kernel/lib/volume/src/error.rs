//! What can go wrong with a volume, and whose fault it is.

use alloc::string::String;
use core::fmt;

use hadris_io::{Error as LibError, ErrorKind};

/// Who has to do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The caller asked for something that cannot be.
    Caller,
    /// The volume (or memory) is full: it works again when something was freed.
    Room,
    /// The device failed; the same call may work later.
    Device,
    /// The volume is damaged; it needs a repair.
    Medium,
}

/// A name that no file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No byte.
    Empty,
    /// More than [`NAME_MAX`](crate::NAME_MAX) bytes.
    TooLong,
}

/// Why an operation on a mounted volume failed. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// No file can have this name.
    Name(NameError),
    /// There is such a file already.
    Exists,
    /// There is no such file.
    NotFound,
    /// The name is that of a directory, which a host made.
    NotAFile,
    /// The id is not that of an open file.
    NotOpen,
    /// A file would pass 4 GiB - 1.
    TooLarge,
    /// No free cluster is left, or too few.
    VolumeFull,
    /// The directory has no room for another name.
    DirectoryFull,
    /// No memory for an extent map.
    NoMemory,
    /// The device failed. What was under way is undone, or finished by the next operation that finds the device well; data inside a file
    /// that was being written may be old, new or mixed.
    Device(E),
    /// The volume contradicts itself. From then on nothing is changed any more, and the next mount repairs or refuses it.
    Corrupt,
}

impl<E> Error<E> {
    /// Who has to do something about it.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Name(_)
            | Self::Exists
            | Self::NotFound
            | Self::NotAFile
            | Self::NotOpen
            | Self::TooLarge => Blame::Caller,
            Self::VolumeFull | Self::DirectoryFull | Self::NoMemory => Blame::Room,
            Self::Device(_) => Blame::Device,
            Self::Corrupt => Blame::Medium,
        }
    }
}

impl<E> From<NameError> for Error<E> {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

/// An answer of the metadata library that has one meaning wherever it comes from.
impl<E> From<LibError<E>> for Error<E> {
    fn from(error: LibError<E>) -> Self {
        let kind = error.kind();
        match (error.into_device_error(), kind) {
            (Some(device), _) => Self::Device(device),
            (None, ErrorKind::NotFound) => Self::NotFound,
            (None, ErrorKind::AlreadyExists) => Self::Exists,
            (None, ErrorKind::NoSpace) => Self::VolumeFull,
            (None, ErrorKind::IsADirectory) => Self::NotAFile,
            (None, ErrorKind::FileTooLarge) => Self::TooLarge,
            (None, ErrorKind::LimitExceeded) => Self::NoMemory,
            // The rest cannot be answered to a right call on a sound volume.
            (None, _) => Self::Corrupt,
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a file name needs at least one byte",
            Self::TooLong => "a file name has at most 14 bytes",
        })
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(error) => return error.fmt(f),
            Self::Device(error) => return write!(f, "the disk failed: {error}"),
            Self::Exists => "there is such a file already",
            Self::NotFound => "there is no such file",
            Self::NotAFile => "it is a directory",
            Self::NotOpen => "the file is not open",
            Self::TooLarge => "a file holds at most 4 GiB - 1",
            Self::VolumeFull => "the volume is full",
            Self::DirectoryFull => "the directory is full",
            Self::NoMemory => "no memory for the file's map",
            Self::Corrupt => "the volume is damaged",
        })
    }
}

impl core::error::Error for NameError {}
impl<E: core::error::Error> core::error::Error for Error<E> {}

/// What is wrong with a dirty volume that repair does not guess at. Names are as they stand on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The root directory's own chain is broken.
    RootChain,
    /// The root holds a directory, whose files repair does not look into.
    Directory(String),
    /// A file's chain ends, or leaves the volume, before the file's size.
    ShortChain(String),
    /// A file's chain runs into clusters of another.
    SharedChain(String),
    /// Two entries of one name.
    DoubleName(String),
    /// FAT copies are not mirrored on this volume.
    Unmirrored,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootChain => f.write_str("the root directory's cluster chain is broken"),
            Self::Directory(name) => write!(f, "it holds a directory, '{name}'"),
            Self::ShortChain(name) => write!(f, "the cluster chain of '{name}' is shorter than the file"),
            Self::SharedChain(name) => write!(f, "'{name}' shares clusters with another file"),
            Self::DoubleName(name) => write!(f, "there are two entries '{name}'"),
            Self::Unmirrored => f.write_str("its FAT copies are not mirrored"),
        }
    }
}

/// Why a disk was not mounted. The disk is unchanged, or half repaired and still marked dirty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountError<E> {
    /// The first sector is no FAT boot sector.
    NotFat,
    /// The boot sector contradicts itself or the size of the disk.
    BadBootSector,
    /// The volume was left dirty and repair found what no interrupted operation leaves.
    Damaged(Damage),
    /// No memory for the repair's map of clusters.
    NoMemory,
    /// The device failed.
    Device(E),
}

impl<E> From<LibError<E>> for MountError<E> {
    fn from(error: LibError<E>) -> Self {
        let kind = error.kind();
        match (error.into_device_error(), kind) {
            (Some(device), _) => Self::Device(device),
            (None, ErrorKind::NotRecognized) => Self::NotFat,
            (None, _) => Self::BadBootSector,
        }
    }
}

impl<E: fmt::Display> fmt::Display for MountError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFat => f.write_str("the disk holds no FAT volume"),
            Self::BadBootSector => f.write_str("the volume's boot sector is damaged"),
            Self::Damaged(what) => write!(
                f,
                "the volume was not unmounted and cannot be repaired here: {what}; `fsck.fat -a IMAGE` on the host may help"
            ),
            Self::NoMemory => f.write_str("no memory to repair the volume"),
            Self::Device(error) => write!(f, "the disk failed: {error}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for MountError<E> {}
