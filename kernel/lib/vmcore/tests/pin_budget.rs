//! Shares of the pin budget: never more than there is, never nothing while something is left.
#![cfg(not(loom))]

use fl_vmcore::{PIN_CHUNK, PinBudget};
use proptest::prelude::*;

#[test]
fn a_quarter_of_the_frames_may_be_pinned_and_one_at_least() {
    assert_eq!([0, 1, 4, 7, 8, 4096].map(PinBudget::limit), [1, 1, 1, 1, 2, 1024]);
}

#[test]
fn chunks_become_smaller_when_little_is_left_and_then_there_are_none() {
    let budget = PinBudget::new();
    let shares: Vec<u32> = (0..5).map(|_| budget.take(100, 80)).collect();
    assert_eq!(shares, [PIN_CHUNK, PIN_CHUNK, 4, 0, 0]);
    budget.give_back(4);
    assert_eq!(budget.take(3, 80), 3);
    assert_eq!(budget.taken(), 19);
}

proptest! {
    #[test]
    fn shares_add_up_to_what_is_taken(frames in 0u32..200, ops in proptest::collection::vec((any::<bool>(), 1u32..20), 1..200)) {
        let budget = PinBudget::new();
        let mut shares: Vec<u32> = Vec::new();
        for (take, n) in ops {
            if take {
                let left = PinBudget::limit(frames) - shares.iter().sum::<u32>();
                let share = budget.take(n, frames);
                prop_assert_eq!(share, n.min(PIN_CHUNK).min(left));
                shares.push(share);
            } else if !shares.is_empty() {
                budget.give_back(shares.swap_remove(n as usize % shares.len()));
            }
            prop_assert_eq!(budget.taken(), shares.iter().sum::<u32>());
        }
    }
}
