//! [`Histogram`]: counted by one writer, read by anybody.

use crate::counts::Counts;
use crate::scale::{BUCKETS, bucket};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A distribution that one writer counts: in the kernel, one CPU with interrupts off. Readers see recent values; exact ones when the
/// writer rests. Relaxed everywhere: numbers that order nothing, and with one writer no addition is lost.
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Histogram {
    /// Nothing counted.
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Counts one value. By the one writer.
    #[inline]
    pub fn record(&self, value: u64) {
        if let Some(count) = self.buckets.get(bucket(value)) {
            count.store(count.load(Relaxed) + 1, Relaxed);
        }
        self.sum.store(self.sum.load(Relaxed).saturating_add(value), Relaxed);
        if value > self.max.load(Relaxed) {
            self.max.store(value, Relaxed);
        }
    }

    /// How many values there are in each of the `N` buckets from `first` on.
    pub fn window<const N: usize>(&self, first: usize) -> [u64; N] {
        core::array::from_fn(|i| self.buckets.get(first + i).map_or(0, |count| count.load(Relaxed)))
    }

    /// Sum of the values, saturating.
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// Largest value.
    pub fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// A copy.
    pub fn counts(&self) -> Counts {
        Counts { buckets: self.window(0), sum: self.sum(), max: self.max() }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}
