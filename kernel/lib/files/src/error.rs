//! Why a descriptor operation failed. The table is unchanged then.

use core::fmt;

/// The number is not that of an open descriptor. The program's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadDescriptor;

/// No kernel memory for the table. Nobody's fault; it works again when some was freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// Why a file got no descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The process has [`OPEN_MAX`](crate::OPEN_MAX) open. The program's fault.
    Full,
    /// See [`NoMemory`].
    NoMemory,
}

/// Why a descriptor was not duplicated. The new one is still open if it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dup2Error {
    /// The old one is not open, or the new one is negative. The program's fault.
    BadDescriptor,
    /// See [`OpenError::Full`].
    Full,
    /// See [`NoMemory`].
    NoMemory,
}

impl From<NoMemory> for OpenError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<BadDescriptor> for Dup2Error {
    fn from(_: BadDescriptor) -> Self {
        Self::BadDescriptor
    }
}

impl From<OpenError> for Dup2Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Full => Self::Full,
            OpenError::NoMemory => Self::NoMemory,
        }
    }
}

const BAD: &str = "not an open descriptor";
const FULL: &str = "too many open descriptors";
const MEMORY: &str = "no kernel memory";

impl fmt::Display for BadDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BAD)
    }
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MEMORY)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => FULL,
            Self::NoMemory => MEMORY,
        })
    }
}

impl fmt::Display for Dup2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadDescriptor => BAD,
            Self::Full => FULL,
            Self::NoMemory => MEMORY,
        })
    }
}

impl core::error::Error for BadDescriptor {}
impl core::error::Error for NoMemory {}
impl core::error::Error for OpenError {}
impl core::error::Error for Dup2Error {}
