//! What is asked of a block device, and what can go wrong with it.

use crate::{MAX_SEGMENTS, SECTOR, Segment};
use core::fmt;
use fl_addr::PAGE_SIZE;

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// From the disk to memory.
    Read,
    /// From memory to the disk.
    Write,
    /// Makes everything that was written before last. Has no memory and no position.
    Flush,
}

/// Why a request was not carried out. What of the memory or the disk it changed is then unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockError {
    /// The caller: it reaches beyond the end of the disk.
    OutOfRange,
    /// The caller: no whole number of sectors, an empty or misplaced segment, too many of them, or memory that is not mapped.
    Malformed,
    /// The caller: a write to a disk that cannot be written.
    ReadOnly,
    /// The disk failed. Asking again may help.
    Io,
    /// The disk does not know the operation.
    Unsupported,
    /// The disk did not answer in time and was turned off.
    Timeout,
    /// The disk was turned off before: it had not answered, or had answered nonsense.
    Gone,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "beyond the end of the disk",
            Self::Malformed => "not a well-formed request",
            Self::ReadOnly => "the disk is read-only",
            Self::Io => "the disk reported an I/O error",
            Self::Unsupported => "the disk does not know the operation",
            Self::Timeout => "the disk did not answer in time",
            Self::Gone => "the disk is turned off",
        })
    }
}

impl core::error::Error for BlockError {}

/// Checks a request against a disk of `sectors` that takes `most` segments; returns how many sectors it moves.
///
/// # Errors
/// [`BlockError::OutOfRange`] or [`BlockError::Malformed`].
#[inline]
pub fn check(
    operation: Operation,
    sector: u64,
    memory: &[Segment],
    sectors: u64,
    most: usize,
) -> Result<u64, BlockError> {
    if operation == Operation::Flush {
        return if memory.is_empty() { Ok(0) } else { Err(BlockError::Malformed) };
    }
    let placed = |s: &Segment| s.len > 0 && usize::from(s.offset) < PAGE_SIZE;
    let bytes: u64 = memory.iter().map(|s| u64::from(s.len)).sum();
    let well_formed = (1..=most.min(MAX_SEGMENTS)).contains(&memory.len())
        && memory.iter().all(placed)
        && bytes.is_multiple_of(SECTOR as u64);
    if !well_formed {
        return Err(BlockError::Malformed);
    }
    let moved = bytes / SECTOR as u64;
    match sector.checked_add(moved) {
        Some(end) if end <= sectors => Ok(moved),
        _ => Err(BlockError::OutOfRange),
    }
}
