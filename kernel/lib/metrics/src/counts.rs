//! [`Counts`]: a distribution as a value.

use crate::scale::{BUCKETS, bucket, highest, lowest};

/// How many values there were in each bucket, their sum and the largest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// By bucket.
    pub buckets: [u64; BUCKETS],
    /// Sum of the values, saturating.
    pub sum: u64,
    /// Largest value; 0 if there is none.
    pub max: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum: 0, max: 0 }
    }
}

impl Counts {
    /// Adds one value.
    pub fn add(&mut self, value: u64) {
        if let Some(count) = self.buckets.get_mut(bucket(value)) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.buckets.iter_mut().zip(other.buckets) {
            *to = to.saturating_add(from);
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// How many values are below `value`, exactly, if a bucket begins there; else those of the bucket are left out.
    pub fn below(&self, value: u64) -> u64 {
        let whole = self.buckets.iter().enumerate().take_while(|(b, _)| highest(*b) < value);
        whole.fold(0, |sum, (_, &count)| sum.saturating_add(count))
    }

    /// Between which values the quantile `q` (0 to 1) lies, both included: the smallest value that at least `q` of all do not exceed.
    /// `None`: there are no values.
    pub fn quantile(&self, q: f64) -> Option<(u64, u64)> {
        let all = self.count();
        // Ranks begin with 1. A part of a value counts as a whole one.
        let exact = q.clamp(0.0, 1.0) * all as f64;
        let rank = (exact as u64 + u64::from(exact > exact as u64 as f64)).clamp(1, all.max(1));
        let mut below = 0u64;
        let found = self.buckets.iter().position(|&count| {
            below = below.saturating_add(count);
            below >= rank
        })?;
        Some((lowest(found), highest(found).min(self.max)))
    }
}
