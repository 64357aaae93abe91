//! The scale has no holes, and what is read from a histogram brackets the truth.

use fl_metrics::scale::{BUCKETS, PER_OCTAVE, bucket, highest, lowest};
use fl_metrics::{Counts, Histogram};
use proptest::prelude::*;

#[test]
fn buckets_follow_each_other_without_hole_or_overlap() {
    assert_eq!(lowest(0), 0);
    for b in 0..BUCKETS {
        assert_eq!((bucket(lowest(b)), bucket(highest(b))), (b, b));
        if b + 1 < BUCKETS {
            assert_eq!(highest(b) + 1, lowest(b + 1));
            let width = lowest(b + 1) - lowest(b);
            assert!(width == 1 || width * PER_OCTAVE as u64 <= lowest(b), "bucket {b} is {width} wide");
        }
    }
    assert_eq!(highest(BUCKETS - 1), u64::MAX);
}

#[test]
fn every_doubling_begins_a_bucket() {
    for bits in 0..40 {
        assert_eq!(lowest(bucket(1 << bits)), 1 << bits);
    }
}

/// Values as durations are: small and large ones alike.
fn values() -> impl Strategy<Value = Vec<u64>> {
    let value = (any::<u64>(), 0u32..64).prop_map(|(v, shift)| v >> shift);
    prop::collection::vec(value, 1..200)
}

proptest! {
    #[test]
    fn quantiles_bracket_the_true_ones(mut values in values(), q in 0.0..=1.0f64) {
        let mut counts = Counts::default();
        values.iter().for_each(|&v| counts.add(v));
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let (low, high) = counts.quantile(q).unwrap();
        let truth = values[rank - 1];
        prop_assert!(low <= truth && truth <= high, "{} not in {}..={}", truth, low, high);
        prop_assert_eq!(counts.count(), values.len() as u64);
        prop_assert_eq!(counts.max, *values.last().unwrap());
    }

    #[test]
    fn the_writers_copy_is_what_was_counted(left in values(), right in values()) {
        let (histogram, mut both) = (Histogram::new(), Counts::default());
        left.iter().for_each(|&v| histogram.record(v));
        left.iter().for_each(|&v| both.add(v));
        prop_assert_eq!(&histogram.counts(), &both);
        let mut other = Counts::default();
        right.iter().for_each(|&v| other.add(v));
        both.merge(&other);
        right.iter().for_each(|&v| histogram.record(v));
        prop_assert_eq!(&histogram.counts(), &both);
    }

    #[test]
    fn below_a_power_of_two_is_exact(values in values(), bits in 0u32..40) {
        let mut counts = Counts::default();
        values.iter().for_each(|&v| counts.add(v));
        let truth = values.iter().filter(|&&v| v < 1 << bits).count() as u64;
        prop_assert_eq!(counts.below(1 << bits), truth);
    }

    #[test]
    fn windows_cover_all_buckets(values in values()) {
        let histogram = Histogram::new();
        values.iter().for_each(|&v| histogram.record(v));
        let windows: Vec<u64> = (0..BUCKETS).step_by(32).flat_map(|first| histogram.window::<32>(first)).collect();
        prop_assert_eq!(&windows[..BUCKETS], &histogram.counts().buckets[..]);
        prop_assert!(windows[BUCKETS..].iter().all(|&n| n == 0));
    }
}

#[test]
fn nothing_has_no_quantile() {
    assert_eq!(Counts::default().quantile(0.5), None);
}
