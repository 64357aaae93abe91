//! The pin budget: two transfers that want the last of it.

use crate::{caught, model};
use fl_vmcore::PinBudget;
use loom::sync::Arc;
use loom::thread;

/// Where three pages may be pinned two transfers want two each: together they have three at most, and each gets something once the other is done.
fn two_transfers() {
    const FRAMES: u32 = 12;
    model(None, || {
        let budget = Arc::new(PinBudget::new());
        let transfer = |budget: Arc<PinBudget>| {
            let share = budget.take(2, FRAMES);
            assert!(budget.taken() <= PinBudget::limit(FRAMES), "more is pinned than may be");
            share
        };
        let other = thread::spawn({
            let budget = budget.clone();
            move || transfer(budget)
        });
        let mine = transfer(budget.clone());
        let others = other.join().unwrap();
        assert_eq!(mine + others, 3);
        assert_eq!(budget.taken(), 3, "what was given away is counted");
        budget.give_back(mine);
        budget.give_back(others);
        assert_eq!((budget.taken(), budget.take(2, FRAMES)), (0, 2));
    });
}

#[test]
fn no_more_is_pinned_than_may_be() {
    two_transfers();
}

#[test]
fn a_share_counted_in_two_steps_is_caught() {
    caught("pins_counted_in_two_steps", two_transfers);
}
