//! When events are missing: [`Gaps`], stretches of time in bounded memory.

use std::collections::BTreeMap;

/// Stretches that are kept apart; beyond that neighbours are joined, which makes more unknown and nothing wrong.
const KEPT: usize = 1 << 12;

/// The union of stretches of time, ends included.
#[derive(Default)]
pub struct Gaps(BTreeMap<u64, u64>);

impl Gaps {
    /// Adds a stretch.
    pub fn add(&mut self, mut first: u64, mut last: u64) {
        while let Some((&start, &end)) = self.0.range(..=last).next_back().filter(|(_, end)| **end >= first) {
            (first, last) = (first.min(start), last.max(end));
            self.0.remove(&start);
        }
        self.0.insert(first, last);
        if self.0.len() > KEPT {
            self.join();
        }
    }

    /// Joins those that lie closest to each other, until half are left.
    fn join(&mut self) {
        let mut between: Vec<u64> =
            self.0.values().zip(self.0.keys().skip(1)).map(|(end, next)| next - end).collect();
        let mut joins = between.len() / 2; // where many lie equally close, not more than that
        let (_, &mut close, _) = between.select_nth_unstable(joins - 1);
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(KEPT);
        for (&start, &end) in &self.0 {
            match joined.last_mut() {
                Some((_, last)) if joins > 0 && start - *last <= close => {
                    *last = end;
                    joins -= 1;
                }
                _ => joined.push((start, end)),
            }
        }
        self.0 = joined.into_iter().collect();
    }

    /// Whether events are missing anywhere between these times, both included.
    pub fn meet(&self, first: u64, last: u64) -> bool {
        self.0.range(..=last).next_back().is_some_and(|(_, end)| *end >= first)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stretch_meets_the_gaps_if_it_meets_one(
            gaps in proptest::collection::vec((0u64..1000, 0u64..30), 0..60), first in 0u64..1000, len in 0u64..40
        ) {
            let mut all = Gaps::default();
            gaps.iter().for_each(|(first, len)| all.add(*first, first + len));
            let meets = gaps.iter().any(|(start, n)| *start <= first + len && start + n >= first);
            prop_assert_eq!(all.meet(first, first + len), meets);
            prop_assert_eq!(all.is_empty(), gaps.is_empty());
        }
    }

    #[test]
    fn of_too_many_the_closest_are_joined_and_none_is_forgotten() {
        let mut gaps = Gaps::default();
        let at = |i: u64| i * 100 + if i.is_multiple_of(2) { 0 } else { 80 }; // 180, 20, 180, 20 apart
        (0..3 * KEPT as u64 / 2).for_each(|i| gaps.add(at(i), at(i) + 5));
        assert!(gaps.0.len() <= KEPT);
        assert!((0..3 * KEPT as u64 / 2).all(|i| gaps.meet(at(i), at(i))));
        assert!(!gaps.meet(6, 179), "where there is room they are kept apart");
    }
}
