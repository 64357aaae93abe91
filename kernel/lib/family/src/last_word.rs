//! [`LastWord`]: how a process ended, said once and read by whoever waits.

use fl_model::{AtomicU64, Ordering, const_fn, mutant};

/// Says nothing yet: no word has this value, because [`SAID`] is set in each.
const NOTHING: u64 = 0;
/// Set in every word that was said; below it 8 bits of why and 32 of status.
const SAID: u64 = 1 << 40;

/// A status and a reason, published once. Does not wake anybody: who says it wakes afterwards, who reads it sleeps before.
#[derive(Debug)]
pub struct LastWord {
    word: AtomicU64,
}

impl Default for LastWord {
    fn default() -> Self {
        Self::new()
    }
}

impl LastWord {
    const_fn! {
        /// Not said yet.
        pub const fn new() -> Self {
            Self { word: AtomicU64::new(NOTHING) }
        }
    }

    /// Says it. Whoever reads it sees everything that the caller did before.
    pub fn say(&self, status: i32, why: u8) {
        let word = SAID | u64::from(why) << 32 | u64::from(status as u32);
        // Release: partner is the Acquire in `read`. What the process left behind (output, files, freed memory) comes before it.
        let order = if mutant!("said_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.word.store(word, order);
    }

    /// Status and reason, once they were said.
    pub fn read(&self) -> Option<(i32, u8)> {
        let word = self.word.load(Ordering::Acquire); // partner: the Release in `say`
        (word != NOTHING).then_some((word as u32 as i32, (word >> 32) as u8))
    }
}
