//! [`PinBudget`]: how many pages may be pinned for transfers at once, in all. Pinned pages cannot be evicted: without a limit the last frame could come
//! to wait for a transfer that waits for a frame.

use fl_model::{AtomicU32, Ordering, const_fn, mutant};

/// The most pages that one transfer pins at a time.
pub const PIN_CHUNK: u32 = 8;

/// The part of all user frames that may be pinned for transfers: a quarter.
const PINNED_PART: u32 = 4;

/// Counts the pages that may still be pinned for transfers.
///
/// A share is taken before the first page of a chunk is pinned, and whoever has one never waits for more: so those who wait hold nothing, and those
/// who hold a share come to their end. A share may be smaller than was asked for, down to one page.
pub struct PinBudget {
    /// Pages for which shares are held.
    taken: AtomicU32,
}

impl PinBudget {
    const_fn! {
        /// All of it is left.
        pub const fn new() -> Self {
            Self { taken: AtomicU32::new(0) }
        }
    }

    /// How many pages may be pinned at once where there are `frames` user frames: one at least.
    pub const fn limit(frames: u32) -> u32 {
        let part = frames / PINNED_PART;
        if part == 0 { 1 } else { part }
    }

    /// Takes a share of at most `wanted` pages, and of [`PIN_CHUNK`], where there are `frames` user frames. 0: nothing is left at the moment; wait holding
    /// no share until one comes [back](Self::give_back).
    pub fn take(&self, wanted: u32, frames: u32) -> u32 {
        let limit = Self::limit(frames);
        let share = |taken: u32| limit.saturating_sub(taken).min(wanted).min(PIN_CHUNK);
        if mutant!("pins_counted_in_two_steps") {
            let taken = self.taken.load(Ordering::Relaxed);
            self.taken.store(taken + share(taken), Ordering::Relaxed);
            return share(taken);
        }
        // Relaxed: a number only. What is done with the pages is ordered by their locks.
        let more = |taken| match share(taken) {
            0 => None,
            pages => Some(taken + pages),
        };
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_or(0, share)
    }

    /// Gives a share of `pages` back: whoever waits may have it.
    pub fn give_back(&self, pages: u32) {
        let before = self.taken.fetch_sub(pages, Ordering::Relaxed); // Relaxed: as in `take`
        debug_assert!(before >= pages, "a share is given back once");
    }

    /// Pages for which shares are held now.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed) // a number only
    }
}

impl Default for PinBudget {
    fn default() -> Self {
        Self::new()
    }
}
