//! The map against plain sets, the rule of the search, and misuse.
#![cfg(not(loom))]

use fl_addr::Slot;
use fl_model::with_mutant;
use fl_swapmap::{Misuse, Run, SwapMap};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn run(first: u32, len: u32) -> Option<Run> {
    Some(Run { first: Slot(first), len })
}

/// A map of `slots` in which exactly those are free, and whose search begins at 0.
fn with_free(slots: u32, free: &[u32]) -> SwapMap<()> {
    let mut map = SwapMap::new(slots).unwrap();
    assert_eq!(map.alloc_run(slots), run(0, slots));
    for &slot in free {
        map.free(Slot(slot)).unwrap();
    }
    map
}

#[test]
fn an_empty_area_is_given_out_from_end_to_end() {
    let mut map = SwapMap::<()>::new(100).unwrap();
    let runs: Vec<_> = (0..4).map(|_| map.alloc_run(32)).collect();
    assert_eq!(runs, [run(0, 32), run(32, 32), run(64, 32), run(96, 4)]);
    assert_eq!((map.alloc_run(1), map.alloc(), map.free_slots()), (None, None, 0));
}

#[test]
fn a_long_run_is_preferred_to_small_holes_before_it() {
    let mut map = with_free(40, &[1, 5, 6, 20, 21, 22, 23, 24, 30]);
    assert_eq!(map.alloc_run(4), run(20, 4));
}

#[test]
fn with_no_run_long_enough_the_longest_is_taken_in_order_of_length() {
    let mut map = with_free(40, &[1, 5, 6, 20, 21, 22, 30]);
    let runs: Vec<_> = (0..5).map(|_| map.alloc_run(8)).collect();
    assert_eq!(runs, [run(20, 3), run(5, 2), run(30, 1), run(1, 1), None]);
}

#[test]
fn the_search_goes_on_where_it_ended_and_comes_round() {
    let mut map = SwapMap::<()>::new(10).unwrap();
    assert_eq!(map.alloc_run(6), run(0, 6));
    map.free(Slot(0)).unwrap();
    map.free(Slot(1)).unwrap();
    assert_eq!(map.alloc_run(2), run(6, 2), "not the hole behind it");
    assert_eq!(map.alloc_run(2), run(8, 2));
    assert_eq!(map.alloc_run(2), run(0, 2));
}

#[test]
fn a_run_does_not_go_round_the_end() {
    let mut map = with_free(10, &[0, 1, 8, 9]);
    map.free(Slot(4)).unwrap();
    assert_eq!(map.alloc_run(4).map(|r| r.len), Some(2));
}

#[test]
fn a_slot_freed_twice_is_noticed_and_nothing_is_changed() {
    let mut map = SwapMap::new(10).unwrap();
    let slot = map.alloc().unwrap();
    map.set_owner(slot, 'p').unwrap();
    assert_eq!(map.free(slot), Ok(Some('p')));
    assert_eq!(map.free(slot), Err(Misuse::DoubleFree(slot)));
    assert_eq!(map.set_owner(slot, 'q'), Err(Misuse::DoubleFree(slot)));
    assert_eq!(map.free(Slot(10)), Err(Misuse::Foreign(Slot(10))));
    assert_eq!((map.free_slots(), map.owner(slot), map.owner(Slot(99))), (10, None, None));
}

#[test]
fn readahead_sees_the_neighbours_that_can_be_read() {
    let mut map = SwapMap::new(16).unwrap();
    map.alloc_run(16).unwrap();
    for slot in [3, 4, 6, 7, 8] {
        map.set_owner(Slot(slot), slot).unwrap();
    }
    let around =
        |slot, window| map.around(Slot(slot), window).map(|(s, &owner)| (s.0, owner)).collect::<Vec<_>>();
    assert_eq!(around(6, 4), [(4, 4), (7, 7)], "5 is being written");
    assert_eq!(around(8, 8), []);
    assert_eq!(around(3, 4), []);
    assert_eq!(around(3, 1), []);
    assert_eq!(around(3, 0), []);
    assert_eq!(around(4, u32::MAX).len(), 4);
}

#[test]
fn slots_are_short_below_an_eighth() {
    let mut map = SwapMap::<()>::new(80).unwrap();
    map.alloc_run(70).unwrap();
    assert!(!map.is_short());
    map.alloc().unwrap();
    assert!(map.is_short());
    assert!(!SwapMap::<()>::new(0).unwrap().is_short(), "no swap area at all is another matter");
}

#[test]
fn a_slot_that_is_given_out_twice_is_noticed() {
    let two_pages = || {
        let mut map = SwapMap::<()>::new(4).unwrap();
        let all: Vec<_> = (0..4).filter_map(|_| map.alloc()).collect();
        all.into_iter().map(|slot| map.free(slot)).collect::<Result<Vec<_>, _>>()
    };
    assert!(two_pages().is_ok());
    assert!(with_mutant("double_slot", two_pages).is_err());
}

/// The longest run of free slots, not going round the end, of at most `max`, when no search boundary cuts it.
fn longest(free: &BTreeSet<u32>, max: u32) -> u32 {
    let (mut best, mut len, mut last) = (0, 0, None);
    for &slot in free {
        len = if last == slot.checked_sub(1) && last.is_some() { len + 1 } else { 1 };
        last = Some(slot);
        best = best.max(len);
    }
    best.min(max)
}

proptest! {
    #[test]
    fn the_map_agrees_with_plain_sets(
        slots in 0u32..200,
        steps in prop::collection::vec((0u8..3, 1u32..20, any::<prop::sample::Index>()), 0..200),
    ) {
        let mut map = SwapMap::new(slots).unwrap();
        let mut free: BTreeSet<u32> = (0..slots).collect();
        let mut owners = BTreeMap::<u32, Option<u32>>::new();
        for (n, (step, max, index)) in steps.into_iter().enumerate() {
            match step {
                0 => match map.alloc_run(max) {
                    None => prop_assert!(free.is_empty()),
                    Some(run) => {
                        let best = longest(&free, max);
                        // The place where the search begins may cut the longest run in two.
                        prop_assert!(run.len <= max && 2 * run.len >= best, "{:?}, there are {}", run, best);
                        for slot in run.iter() {
                            prop_assert!(free.remove(&slot.0), "{} is given out twice", slot);
                            owners.insert(slot.0, None);
                        }
                    }
                },
                1 if !owners.is_empty() => {
                    let slot = *owners.keys().nth(index.index(owners.len())).unwrap();
                    prop_assert_eq!(map.free(Slot(slot)), Ok(owners.remove(&slot).unwrap()));
                    free.insert(slot);
                }
                2 if !owners.is_empty() => {
                    let slot = *owners.keys().nth(index.index(owners.len())).unwrap();
                    let old = owners.insert(slot, Some(n as u32)).unwrap();
                    prop_assert_eq!(map.set_owner(Slot(slot), n as u32), Ok(old));
                }
                _ => {}
            }
            prop_assert_eq!(map.free_slots() as usize, free.len());
            for slot in 0..slots {
                prop_assert_eq!(map.owner(Slot(slot)).copied(), owners.get(&slot).copied().flatten());
            }
        }
    }
}
