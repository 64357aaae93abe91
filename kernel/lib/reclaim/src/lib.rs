//! Which page to evict, when to begin and when to stop, and in what order to write.
//!
//! Key types: [`Policy`] and its implementations, chosen by name ([`Choice`], [`AnyPolicy`]); [`Watermarks`]; [`Turns`] of those who wait; [`cluster`]. For the host
//! besides: [`replay`](replay::replay) of a trace on a policy, and [`opt`], the best that any could do. Frames are dense numbers from 0;
//! nothing here knows pages, page tables or disks. Memory is taken when a policy is made and never after: the evictor must not need any.
//!
//! **How a victim is found.** A policy cannot watch accesses; the processor leaves them as accessed bits. So, for each batch:
//! 1. [`Policy::candidates`] names some frames.
//! 2. The caller reads and clears the accessed bits of all mappings of each, and flushes all spaces concerned once, at the end: the
//!    processor does not set the bit again while it has the translation cached, so without the flush a page in constant use would look idle.
//! 3. [`Policy::judge`] is told what was found, and says for each frame: evict, or keep.
//!
//! A bit that is clear was therefore cleared in an earlier batch, and flushed before this one began. It still means nothing if no process
//! could run in between: when every page was used the hand comes round at once. So the caller tells by [`Policy::tick`] when
//! time has passed, and what was cleared since is not judged cold. Where a whole round ([`Policy::len`] candidates) has found nobody,
//! the evictor lets others run (until the next tick of the clock, or only a moment if somebody waits for a frame) and then calls it. That a frame is judged cold is an
//! opinion; whether its page can be taken (not pinned, not busy) its own state decides, and if not [`Policy::put_back`] undoes it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
mod any;
mod clock;
pub mod cluster;
mod ghost;
mod lists;
pub mod opt;
pub mod replay;
mod sieve;
mod turns;
mod two_queue;
mod watermarks;

pub use any::{AnyPolicy, Choice, UnknownPolicy};
pub use clock::{Clock, EnhancedClock, Fifo};
pub use sieve::Sieve;
pub use turns::{Ticket, Turn, Turns};
pub use two_queue::TwoQueue;
pub use watermarks::{Control, Mode, Watermarks};

use core::fmt;
use fl_addr::PageId;

/// A user frame, numbered from 0 without gaps worth speaking of: each number costs memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameIndex(pub u32);

/// A frame that is to be looked at. It must be judged, whatever happens to its page in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Which frame.
    pub frame: FrameIndex,
    /// How often the frame had left the policy when it was named: a frame that has left and come back since is another page's.
    stamp: u32,
}

/// The most frames in one batch: a flush is shared by as many, and at most as many more than needed are evicted.
pub const BATCH: usize = 32;

/// Some candidates, each frame at most once.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    items: [Candidate; BATCH],
    len: usize,
    limit: usize,
}

impl Batch {
    /// An empty batch for at most `limit` candidates; more than [`BATCH`] do not fit.
    pub const fn new(limit: usize) -> Self {
        let nothing = Candidate { frame: FrameIndex(0), stamp: 0 };
        Self { items: [nothing; BATCH], len: 0, limit: if limit < BATCH { limit } else { BATCH } }
    }

    /// The candidates.
    pub fn as_slice(&self) -> &[Candidate] {
        &self.items[..self.len]
    }

    fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    fn push(&mut self, candidate: Candidate) {
        self.items[self.len] = candidate;
        self.len += 1;
    }
}

/// What was found at a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// An accessed bit was set.
    Used,
    /// None was.
    Unused {
        /// Its content has no copy: evicting it costs a write.
        must_write: bool,
    },
    /// Its page is pinned, busy, or its lock is taken: not to be had now.
    Unavailable,
}

/// What to do with a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a frame to be evicted is in no list any more"]
pub enum Verdict {
    /// Evict its page. The policy has forgotten the frame; [`Policy::put_back`] if the page stays after all.
    Evict,
    /// Let it be.
    Keep,
}

/// No kernel memory for a policy's lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no kernel memory for the eviction policy")
    }
}

impl core::error::Error for NoMemory {}

/// An order in which frames are evicted.
///
/// Knows the frames whose pages are resident, from [`insert`](Self::insert) to [`remove`](Self::remove) or a verdict. Lock: the clock hand's (a spin
/// leaf), taken for each call and not across a batch; one batch at a time. Every call takes constant time, or time in the size of
/// the batch. A call about a frame that the policy does not know changes nothing.
pub trait Policy {
    /// The frame's page became resident: loaded, copied or made. `page` tells whether it was here before.
    fn insert(&mut self, frame: FrameIndex, page: PageId);

    /// The frame is free without having been evicted: its page is dead.
    fn remove(&mut self, frame: FrameIndex);

    /// Adds frames to look at, the likeliest victims first. Empty if there are none at all. All candidates of the batch before have
    /// been judged.
    fn candidates(&mut self, batch: &mut Batch);

    /// Processes could use their pages since the last tick.
    fn tick(&mut self);

    /// Decides about a candidate.
    fn judge(&mut self, candidate: Candidate, sample: Sample) -> Verdict;

    /// A frame that was to be evicted stays: somebody wanted its page, or it could not be written. It counts as just used.
    fn put_back(&mut self, frame: FrameIndex);

    /// How many frames it knows.
    fn len(&self) -> usize;

    /// Whether it knows none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the last frame that was to be evicted had proved itself before (two queues).
    fn was_protected(&self) -> bool {
        false
    }

    /// Whether it asks for accessed bits at all. If not, they need not be cleared, and nothing be flushed.
    fn wants_accessed(&self) -> bool {
        true
    }

    /// The most candidates judged before one is evicted, if one of its frames is available all the time, no page is used meanwhile, and
    /// there is a tick after each round.
    fn bound(&self) -> usize;
}
