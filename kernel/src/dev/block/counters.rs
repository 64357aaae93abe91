//! [`Counters`]: what a disk has done, for people and tests.

use super::{BlockError, Operation};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Figures that only grow. Relaxed throughout: they order nothing.
#[derive(Default)]
pub struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    flushes: AtomicU64,
    sectors_read: AtomicU64,
    sectors_written: AtomicU64,
    errors: AtomicU64,
    interrupts: AtomicU64,
    most_in_flight: AtomicU64,
}

impl Counters {
    /// Sectors read so far.
    pub fn sectors_read(&self) -> u64 {
        self.sectors_read.load(Relaxed)
    }

    /// Sectors written so far.
    pub fn sectors_written(&self) -> u64 {
        self.sectors_written.load(Relaxed)
    }

    /// A request has ended, having moved so many sectors if it succeeded.
    pub(super) fn ended(&self, operation: Operation, sectors: u64, end: Result<(), BlockError>) {
        if end.is_err() {
            self.errors.fetch_add(1, Relaxed);
            return;
        }
        let (requests, moved) = match operation {
            Operation::Read => (&self.reads, &self.sectors_read),
            Operation::Write => (&self.writes, &self.sectors_written),
            Operation::Flush => (&self.flushes, &self.sectors_written),
        };
        requests.fetch_add(1, Relaxed);
        moved.fetch_add(sectors, Relaxed);
    }

    /// The disk's interrupt came.
    pub(super) fn interrupted(&self) {
        self.interrupts.fetch_add(1, Relaxed);
    }

    /// So many requests are on the way.
    pub(super) fn in_flight(&self, now: usize) {
        self.most_in_flight.fetch_max(now as u64, Relaxed);
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reads of {} sectors, {} writes of {}, {} flushes, {} errors, at most {} in flight, {} interrupts",
            self.reads.load(Relaxed),
            self.sectors_read.load(Relaxed),
            self.writes.load(Relaxed),
            self.sectors_written.load(Relaxed),
            self.flushes.load(Relaxed),
            self.errors.load(Relaxed),
            self.most_in_flight.load(Relaxed),
            self.interrupts.load(Relaxed),
        )
    }
}
