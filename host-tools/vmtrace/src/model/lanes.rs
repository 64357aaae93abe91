//! What each CPU did in the course of a run: faults, evictions, waits for shootdowns, transfers of frames.
//!
//! Key types: [`Work`], [`CpuLane`]. In bounded memory whatever the length of the run.

use crate::model::bins::Bins;
use fl_trace::event::Event;

/// What a CPU does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// It has handled a fault.
    Fault,
    /// It has taken a page for eviction.
    Evict,
    /// It has waited until other CPUs had forgotten translations.
    Shootdown,
    /// It has moved frames between a cache and a pool.
    Transfer,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fault, Self::Evict, Self::Shootdown, Self::Transfer];

    /// What the event is, if it is one, and how long the CPU waited for others with it, in ticks.
    pub fn of(event: &Event) -> Option<(Self, u64)> {
        match event {
            Event::Fault(_) => Some((Self::Fault, 0)),
            Event::Evicted(_) => Some((Self::Evict, 0)),
            Event::Shootdown(shot) => Some((Self::Shootdown, shot.time.0)),
            Event::CacheRefill(_) | Event::CacheDrain(_) => Some((Self::Transfer, 0)),
            _ => None,
        }
    }

    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fault => "faults",
            Self::Evict => "evicted",
            Self::Shootdown => "shootdown",
            Self::Transfer => "transfers",
        }
    }
}

/// One CPU's work over time.
#[derive(Clone, Debug, Default)]
pub struct CpuLane {
    /// By [`Work`].
    pub bins: Bins<{ Work::ALL.len() }>,
    /// Likewise.
    pub counts: [u64; Work::ALL.len()],
    /// Time it waited for shootdowns, in ticks.
    pub waited: u64,
}

impl CpuLane {
    /// Takes note of an event of this CPU.
    pub fn add(&mut self, tsc: u64, event: &Event) {
        let Some((work, waited)) = Work::of(event) else { return };
        self.bins.add(tsc, work as usize);
        self.counts[work as usize] += 1;
        self.waited = self.waited.saturating_add(waited);
    }
}
