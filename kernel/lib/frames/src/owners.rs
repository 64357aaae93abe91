//! The ownership check of debug builds: one byte per frame that says whether the frame is free.
//!
//! Key types: [`OwnerMap`] and what it finds, [`Misuse`]. Neighbour: [`crate::FrameCache`] asks it at every allocation and free.

use core::fmt;
use fl_addr::Pfn;
use fl_model::{AtomicU8, Ordering};

/// The state of one frame, all zero (foreign) at first; storage of an [`OwnerMap`].
#[repr(transparent)]
pub struct OwnerState(AtomicU8);

/// Not a frame of this cache.
const FOREIGN: u8 = 0;
/// In the pool or in a magazine.
const FREE: u8 = 1;
/// Handed out.
const ALLOCATED: u8 = 2;

/// Records for each frame of one cache whether it is free or handed out.
///
/// Covers the frames from a base on, as many as it has states; all others are foreign. One cache, one map.
pub struct OwnerMap {
    base: Pfn,
    states: &'static [OwnerState],
}

/// Somebody gave back or received a frame that was not his. Always a bug of the kernel (or of this crate, or memory was
/// overwritten), never of a user program; do not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The caller frees a frame that is free already.
    DoubleFree(Pfn),
    /// The caller frees, or the frame list contains, a frame that does not belong to this cache.
    Foreign(Pfn),
    /// The cache hands out a frame that is not free.
    HandedOutTwice(Pfn),
    /// The cache was given the same frame twice.
    GivenTwice(Pfn),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubleFree(pfn) => write!(f, "frame {pfn} freed twice"),
            Self::Foreign(pfn) => write!(f, "frame {pfn} freed or given to a cache it does not belong to"),
            Self::HandedOutTwice(pfn) => write!(f, "frame {pfn} handed out while in use"),
            Self::GivenTwice(pfn) => write!(f, "frame {pfn} given to the cache twice"),
        }
    }
}

impl OwnerState {
    fl_model::const_fn! {
        /// The state of a frame nobody knows of yet. Its representation is one zero byte.
        pub const fn new() -> Self {
            Self(AtomicU8::new(FOREIGN))
        }
    }
}

impl Default for OwnerState {
    fn default() -> Self {
        Self::new()
    }
}

impl OwnerMap {
    /// A map over frames `base..base + states.len()`, none of which belongs to the cache yet.
    pub const fn new(base: Pfn, states: &'static [OwnerState]) -> Self {
        Self { base, states }
    }

    /// The frame becomes one of the cache's, free.
    pub(crate) fn add(&self, pfn: Pfn) -> Result<(), Misuse> {
        match self.replace(pfn, FREE)? {
            FOREIGN => Ok(()),
            _ => Err(Misuse::GivenTwice(pfn)),
        }
    }

    /// The frame is handed out.
    pub(crate) fn allocate(&self, pfn: Pfn) -> Result<(), Misuse> {
        match self.replace(pfn, ALLOCATED)? {
            FREE => Ok(()),
            FOREIGN => Err(Misuse::Foreign(pfn)),
            _ => Err(Misuse::HandedOutTwice(pfn)),
        }
    }

    /// The frame comes back. Before it is put anywhere, so that whoever gets it next finds it free.
    pub(crate) fn free(&self, pfn: Pfn) -> Result<(), Misuse> {
        match self.replace(pfn, FREE)? {
            ALLOCATED => Ok(()),
            FOREIGN => Err(Misuse::Foreign(pfn)),
            _ => Err(Misuse::DoubleFree(pfn)),
        }
    }

    /// Sets the state and returns the one before, in one step: of two that free the same frame at once, one finds it free.
    fn replace(&self, pfn: Pfn, state: u8) -> Result<u8, Misuse> {
        let index = pfn.0.checked_sub(self.base.0).ok_or(Misuse::Foreign(pfn))?;
        let cell = self.states.get(index as usize).ok_or(Misuse::Foreign(pfn))?;
        // Relaxed: the byte guards nothing. That steps on one frame follow one another comes from the lock of the magazine
        // or pool the frame passes through, and from whatever hands it from user to user.
        Ok(cell.0.swap(state, Ordering::Relaxed))
    }
}
