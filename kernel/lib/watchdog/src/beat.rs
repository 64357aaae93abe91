//! [`Beats`]: what a CPU that has nobody to watch it learns from a beat that cannot be masked.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Where a beat finds its CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// When, by the CPU's time-stamp counter.
    pub at: u64,
    /// Ticks that the CPU has taken so far.
    pub ticks: u64,
    /// With interrupts off.
    pub deaf: bool,
}

/// How many beats in a row, a good part of a period apart, have found the CPU with interrupts off and without a tick in between.
///
/// A timer that the host kept from beating may catch up, many times at one moment: those count as one. Each further beat that counts is one at which the
/// CPU came to run, so that the promise is [`Watch`](crate::Watch)'s: if the host lets a CPU that it runs at all do `n` instructions between two beats, no
/// section shorter than `n` times one less than those beats is taken for a hang.
///
/// Relaxed: only the beat's interrupt, which does not interrupt itself, uses it.
#[derive(Debug)]
pub struct Beats {
    /// When the last one that counts was.
    last: AtomicU64,
    ticks: AtomicU64,
    strikes: AtomicU32,
}

impl Beats {
    /// None yet.
    pub const fn new() -> Self {
        Self { last: AtomicU64::new(0), ticks: AtomicU64::new(0), strikes: AtomicU32::new(0) }
    }

    /// A beat of one every `period`, by the time-stamp counter. How many in a row, this one included, have found the CPU deaf.
    pub fn beat(&self, beat: Beat, period: u64) -> u32 {
        let strikes = self.strikes.load(Relaxed);
        let strikes = match (beat.deaf, strikes) {
            (false, _) => 0,
            (true, 1..) if self.ticks.load(Relaxed) == beat.ticks => {
                if beat.at.saturating_sub(self.last.load(Relaxed)) < period / 2 {
                    return strikes;
                }
                strikes.saturating_add(1)
            }
            (true, _) => 1,
        };
        self.last.store(beat.at, Relaxed);
        self.ticks.store(beat.ticks, Relaxed);
        self.strikes.store(strikes, Relaxed);
        strikes
    }
}

impl Default for Beats {
    fn default() -> Self {
        Self::new()
    }
}
