//! How long something took: exact count, sum and maximum, percentiles within 0.1 %, and what loss leaves of them.
//!
//! Key types: [`Latency`], [`Bound`]. Memory does not depend on the number of values.

use hdrhistogram::Histogram;

/// A distribution of durations in ticks.
#[derive(Clone, Debug)]
pub struct Latency {
    /// All values above zero.
    histogram: Histogram<u64>,
    /// Values of zero: common for stages, and cheaper to count than to record.
    zeros: u64,
    sum: u64,
    max: u64,
}

/// A percentile of all values, those received and those lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// If every lost value was smaller; `None`: the percentile may lie below all received values.
    pub low: Option<u64>,
    /// If every lost value was larger; `None`: it may lie above all received values.
    pub high: Option<u64>,
}

impl Latency {
    /// Empty, with `digits` significant digits (2: within 1 %, 3: within 0.1 %).
    ///
    /// # Panics
    /// If `digits` is over 5.
    pub fn new(digits: u8) -> Self {
        Self { histogram: Histogram::new(digits).expect("at most 5 digits"), zeros: 0, sum: 0, max: 0 }
    }

    /// Adds one duration.
    #[inline]
    pub fn add(&mut self, ticks: u64) {
        if ticks == 0 {
            self.zeros += 1;
            return;
        }
        // Auto-resizing: recording fails for no value.
        self.histogram.record(ticks).expect("the histogram grows");
        self.sum = self.sum.saturating_add(ticks);
        self.max = self.max.max(ticks);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("the histogram grows");
        self.zeros += other.zeros;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// Values received.
    pub fn count(&self) -> u64 {
        self.histogram.len() + self.zeros
    }
    /// Sum of the values received, in ticks; saturating, which takes a century.
    pub fn sum(&self) -> u64 {
        self.sum
    }
    /// The largest value received, exact.
    pub fn max(&self) -> u64 {
        self.max
    }
    /// The mean of the values received, in ticks; 0 if there are none.
    pub fn mean(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum as f64 / self.count() as f64 }
    }

    /// The smallest recorded value that `quantile` (0 to 1) of the received values do not exceed; 0 if there are none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = (self.count() as f64 * quantile).ceil().max(1.0) as u64;
        self.at_rank(rank.min(self.count()))
    }

    /// Where the `quantile` of received and `lost` values together lies.
    pub fn bound(&self, quantile: f64, lost: u64) -> Bound {
        let received = self.count();
        let rank = ((received + lost) as f64 * quantile).ceil().max(1.0) as u64;
        let at = |rank: u64| (1..=received).contains(&rank).then(|| self.at_rank(rank));
        Bound { low: rank.checked_sub(lost).and_then(at), high: at(rank) }
    }

    /// The value of the `rank`-th smallest received value, 1 the first; never above the maximum.
    fn at_rank(&self, rank: u64) -> u64 {
        if rank <= self.zeros {
            return 0;
        }
        // Half a rank less keeps rounding inside the histogram from reaching the next value.
        let quantile = ((rank - self.zeros) as f64 - 0.5) / self.histogram.len() as f64;
        self.histogram.value_at_quantile(quantile).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to(n: u64) -> Latency {
        let mut latency = Latency::new(3);
        (1..=n).for_each(|v| latency.add(v));
        latency
    }

    #[test]
    fn percentiles_of_a_known_distribution() {
        let latency = one_to(1000);
        assert_eq!((latency.quantile(0.5), latency.quantile(0.99), latency.max()), (500, 990, 1000));
        assert_eq!(latency.mean(), 500.5);
        assert_eq!(latency.bound(0.5, 0), Bound { low: Some(500), high: Some(500) });
    }

    #[test]
    fn lost_values_widen_a_percentile_to_both_sides() {
        let latency = one_to(100);
        assert_eq!(latency.bound(0.5, 10), Bound { low: Some(45), high: Some(55) });
        // 50 lost of 150: the 99th percentile may lie above everything that was received.
        assert_eq!(latency.bound(0.99, 50), Bound { low: Some(99), high: None });
        assert_eq!(one_to(1).bound(0.5, 9), Bound { low: None, high: None });
        assert_eq!(Latency::new(3).bound(0.5, 3), Bound { low: None, high: None });
    }

    #[test]
    fn zeros_count_like_any_value() {
        let mut latency = one_to(10);
        (0..10).for_each(|_| latency.add(0));
        assert_eq!(
            (latency.count(), latency.quantile(0.5), latency.quantile(0.55), latency.quantile(1.0)),
            (20, 0, 1, 10)
        );
        assert_eq!(Latency::new(2).quantile(0.5), 0);
    }

    #[test]
    fn merging_is_as_adding_all_to_one() {
        let mut a = one_to(10);
        a.merge(&one_to(20));
        assert_eq!((a.count(), a.sum(), a.max()), (30, 55 + 210, 20));
    }
}
