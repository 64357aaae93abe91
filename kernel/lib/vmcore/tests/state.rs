//! The page's life: every operation in every state against a written-out table, and what tickets, generations, pins and
//! ownership promise after any sequence of operations.
#![cfg(not(loom))]

mod ops;

use fl_addr::Slot;
use fl_vmcore::{Home, Kind, PageState, Redeemed, Refused, State, Verdict};
use ops::{F, NEW, OPS, OTHER, Op, S, apply};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn uninit() -> PageState {
    PageState::new()
}

/// Loading from its source, with so many waiters.
fn loading(waiters: u32) -> PageState {
    waited(uninit().claim().unwrap(), waiters)
}

fn waited(page: PageState, times: u32) -> PageState {
    (0..times).fold(page, |p, _| p.wait().unwrap().0)
}

fn resident(pins: u32) -> PageState {
    let page = loading(0).publish(F).unwrap().unpin().unwrap();
    (0..pins).fold(page, |p, _| p.pin().unwrap().0)
}

fn file(pins: u32) -> PageState {
    let page = PageState::of_file().claim().unwrap().publish(F).unwrap();
    if pins == 0 { page.unpin().unwrap() } else { page }
}

/// Judged dirty.
fn dirty() -> PageState {
    resident(0).begin_evict().unwrap().judge(true).unwrap().0
}

fn writing() -> PageState {
    dirty().begin_write(Home::Slot(S)).unwrap().0
}

fn swapped() -> PageState {
    writing().written().unwrap().0
}

/// Resident, with a true copy in its slot.
fn copied() -> PageState {
    swapped().claim().unwrap().publish(F).unwrap().unpin().unwrap()
}

/// Resident, dirtied since it was copied to its slot.
fn stale() -> PageState {
    copied().pin().unwrap().0.unpin_written().unwrap()
}

fn dead() -> PageState {
    resident(0).detach(false).unwrap().0
}

/// The states of the table's columns, by the names in its head.
fn states() -> Vec<(&'static str, PageState)> {
    vec![
        ("U", uninit()),
        ("S3", swapped()),
        ("L p1", loading(0)),
        ("L3 p2", waited(swapped().claim().unwrap(), 1)),
        ("R7", resident(0)),
        ("R7 p2", resident(2)),
        ("R7+3", copied()),
        ("R7+3!", stale()),
        ("R7 F", file(0)),
        ("R7! F", file(0).attach(true).unwrap().detach(false).unwrap().0),
        ("C7 F", file(0).begin_clean().unwrap()),
        ("C7! p1 F", {
            let page = file(1).begin_clean().unwrap();
            page.pin().unwrap().0.unpin_written().unwrap()
        }),
        ("E7+3", copied().begin_evict().unwrap()),
        ("E7!", dirty()),
        ("E7+3! p1", waited(stale().begin_evict().unwrap(), 1)),
        ("E7! F", file(0).begin_evict().unwrap().judge(true).unwrap().0),
        ("W7>3!", writing()),
        ("W7>3!r p1", waited(writing(), 1)),
        ("W7>f! F", {
            let page = file(0).begin_evict().unwrap().judge(true).unwrap().0;
            page.begin_write(Home::File).unwrap().0
        }),
        ("D", dead()),
    ]
}

/// `leave` is `detach` for those that may leave, and who may leave is never refused, whatever the dirty bit of a mapping that there can be.
#[test]
fn leaving_in_place_is_detaching() {
    let mut left = 0;
    for (name, page) in states() {
        let shared = page.attach(false).unwrap_or(page);
        for page in [page, shared] {
            let mapped = page.frame().is_some() && !matches!(page.state(), State::Writeback { .. });
            for dirty in [false, true] {
                let detached = page.detach(dirty);
                if !page.may_leave() {
                    let ends = matches!(page.state(), State::Resident { .. }) && page.kind() == Kind::Private;
                    assert!(page.sharers() <= 1 && !(ends && page.pins() == 0), "{name} may leave");
                    continue;
                }
                if dirty && !mapped {
                    assert_eq!(detached, Err(Refused::NotMapped), "{name}");
                    continue;
                }
                let mut after = page;
                let remains = after.leave(dirty);
                assert_eq!(Ok((after, remains)), detached, "{name}, dirty: {dirty}");
                left += 1;
            }
        }
    }
    assert!(left > 20, "{left} cases");
}

/// `join` is `attach`, of every page that an entry keeps alive.
#[test]
fn joining_in_place_is_attaching() {
    for (name, page) in states().into_iter().filter(|(_, page)| page.state() != State::Dead) {
        for dirty in [false, true] {
            let Ok(attached) = page.attach(dirty) else {
                let may_be_mapped = matches!(
                    page.state(),
                    State::Resident { .. } | State::Cleaning { .. } | State::Evicting { .. }
                );
                assert!(dirty && !may_be_mapped, "{name}");
                continue;
            };
            let mut after = page;
            after.join(dirty);
            assert_eq!(after, attached, "{name}, dirty: {dirty}");
        }
    }
}

#[test]
#[should_panic(expected = "keeps the page alive")]
fn nobody_joins_a_dead_page() {
    dead().join(false);
}

#[test]
#[should_panic(expected = "may not be left so")]
fn a_page_that_is_waited_for_is_not_left_in_place() {
    loading(1).leave(false);
}

/// Short for a state: U, S slot, L [slot], R frame [+slot], C frame, E frame [+slot], W frame > slot or f [r: rescued], D; `!`: dirty;
/// p: pins or promises; x: sharers unless one; F: a file's page.
fn show(page: &PageState) -> String {
    let plus = |slot: Option<Slot>, sign: &str| slot.map_or(String::new(), |s| format!("{sign}{}", s.0));
    let mut text = match page.state() {
        State::Uninit => "U".into(),
        State::Swapped { slot } => format!("S{}", slot.0),
        State::Loading { slot } => format!("L{}", plus(slot, "")),
        State::Resident { frame, slot } => format!("R{}{}", frame.0, plus(slot, "+")),
        State::Cleaning { frame } => format!("C{}", frame.0),
        State::Evicting { frame, slot } => format!("E{}{}", frame.0, plus(slot, "+")),
        State::Writeback { frame, to: Home::File, .. } => format!("W{}>f", frame.0),
        State::Writeback { frame, to: Home::Slot(slot), .. } => format!("W{}>{}", frame.0, slot.0),
        State::Dead => "D".into(),
    };
    text += if page.is_dirty() { "!" } else { "" };
    text += if matches!(page.state(), State::Writeback { rescue: true, .. }) { "r" } else { "" };
    if page.pins() != 0 {
        text += &format!(" p{}", page.pins());
    }
    if page.sharers() > 1 {
        text += &format!(" x{}", page.sharers());
    }
    text + if page.kind() == Kind::File && page.state() != State::Dead { " F" } else { "" }
}

/// What every operation does to a page: those that go through, each on a line of its own; then, by reason, those that are refused.
fn life(name: &str, page: PageState) -> String {
    let mut text = format!("{name}\n");
    let mut refused = BTreeMap::<String, Vec<String>>::new();
    for op in OPS {
        match apply(page, op) {
            Ok((after, given)) => {
                let given: String = given.iter().map(|g| format!(", {g}")).collect();
                text += &format!("    {:<17} {}{given}\n", format!("{op:?}"), show(&after));
            }
            Err(why) => refused.entry(format!("{why:?}")).or_default().push(format!("{op:?}")),
        }
    }
    for (why, ops) in refused {
        text += &format!("  - {why}: {}\n", ops.join(" "));
    }
    text
}

/// RENEW_GOLDEN=1 writes the table anew; then judge every line that is different.
#[test]
fn every_operation_in_every_state_does_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states.table");
    let found: Vec<_> = states().into_iter().map(|(name, page)| life(name, page)).collect();
    for (name, page) in states() {
        assert_eq!(show(&page), name);
    }
    let head = "# What every operation does in every state. Notation: see `show` in state.rs. \"-\": refused, and why.\n";
    let found = format!("{head}\n{}", found.join("\n"));
    if std::env::var_os("RENEW_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), found);
}

#[test]
fn each_transition_adds_one_to_the_generation_and_nothing_else_does() {
    for (name, page) in states() {
        for op in OPS {
            let Ok((after, _)) = apply(page, op) else { continue };
            let kind = |p: &PageState| core::mem::discriminant(&p.state());
            let steps = u32::from(kind(&after) != kind(&page));
            assert_eq!(after.generation().wrapping_sub(page.generation()), steps, "{name} {op:?}");
        }
    }
}

#[test]
fn a_waiter_holds_a_pin_the_moment_the_page_is_published() {
    let (page, ticket) = loading(0).wait().unwrap();
    let Redeemed::StillBusy(ticket) = page.redeem(ticket) else { panic!("nothing happened yet") };
    let page = page.publish(F).unwrap();
    let page = page.unpin().unwrap(); // the claimer is done before the waiter even wakes
    assert_eq!(page.begin_evict(), Err(Refused::Pinned(1)), "nobody takes the page away from the waiter");
    assert_eq!(page.redeem(ticket), Redeemed::Pinned(F));
    assert_eq!(page.unpin().unwrap().pins(), 0);
}

#[test]
fn a_waiter_keeps_its_pin_while_another_cleans_the_page() {
    let (page, ticket) = PageState::of_file().claim().unwrap().wait().unwrap();
    let page = page.publish(F).unwrap().unpin().unwrap();
    let page = page.begin_clean().unwrap();
    let Redeemed::Pinned(F) = page.redeem(ticket) else { panic!("cleaning does not void a pin") };
    assert_eq!(page.cleaned().unwrap().unpin().unwrap().pins(), 0);
}

#[test]
fn an_aborted_load_voids_promises_even_if_the_page_is_loaded_again_before_the_waiter_wakes() {
    let (page, ticket) = loading(0).wait().unwrap();
    let page = page.abort().unwrap();
    assert_eq!(page.pins(), 0);
    let reloaded = page.claim().unwrap().publish(NEW).unwrap();
    assert_eq!(reloaded.redeem(ticket), Redeemed::Aborted);
    assert_eq!(reloaded.pins(), 1, "only the second claimer's");
}

#[test]
fn a_waiter_of_an_aborted_load_is_not_taken_for_one_of_the_next() {
    let (page, ticket) = loading(0).wait().unwrap();
    let second = page.abort().unwrap().claim().unwrap();
    assert_eq!(second.redeem(ticket), Redeemed::Aborted);
}

#[test]
fn a_waiter_that_gives_up_takes_its_promise_or_its_pin_along() {
    let (page, ticket) = loading(0).wait().unwrap();
    assert_eq!(page.give_up(ticket), loading(0), "while loading");

    let (page, ticket) = loading(0).wait().unwrap();
    let page = page.publish(F).unwrap();
    assert_eq!(page.give_up(ticket).pins(), 1, "after publishing the claimer's pin is left");

    let (page, ticket) = loading(0).wait().unwrap();
    let page = page.abort().unwrap();
    assert_eq!(page.give_up(ticket), page, "after an abort there is nothing to take");
}

#[test]
fn a_fault_during_eviction_keeps_the_page_and_its_dirty_bit() {
    let (page, ticket) = resident(0).begin_evict().unwrap().wait().unwrap();
    let (page, verdict) = page.judge(true).unwrap();
    assert_eq!(verdict, Verdict::Kept);
    assert_eq!(page.redeem(ticket), Redeemed::Pinned(F));
    assert!(page.is_dirty(), "the mapping that knew it is gone");
}

#[test]
fn a_fault_during_the_write_out_rescues_the_page_with_its_copy() {
    let page = writing();
    assert!(page.in_flight());
    let (page, ticket) = page.wait().unwrap();
    assert!(!page.in_flight(), "its frame will not be free");
    let (page, frame) = page.written().unwrap();
    assert_eq!(frame, None);
    assert_eq!(page.redeem(ticket), Redeemed::Pinned(F));
    assert_eq!((page.slot(), page.is_dirty()), (Some(S), false));
}

#[test]
fn a_rescued_page_stays_even_if_its_waiter_gives_up() {
    let (page, ticket) = writing().wait().unwrap();
    let page = page.give_up(ticket);
    assert!(!page.in_flight(), "what was said to the evictor still holds");
    assert_eq!(page.written().unwrap().1, None);
}

#[test]
fn a_failed_write_keeps_the_only_copy() {
    let (page, slot) = writing().write_failed().unwrap();
    assert_eq!(slot, Some(S));
    assert_eq!(page.state(), State::Resident { frame: F, slot: None });
    let (_, verdict) = page.begin_evict().unwrap().judge(false).unwrap();
    assert_eq!(verdict, Verdict::Dirty(F), "it is tried again, whatever the dirty bits say");
}

#[test]
fn a_clean_copy_saves_the_second_write_and_a_store_forbids_that() {
    let (page, verdict) = copied().begin_evict().unwrap().judge(false).unwrap();
    assert_eq!((page.state(), verdict), (State::Swapped { slot: S }, Verdict::Gone(F)));

    let (page, verdict) = copied().begin_evict().unwrap().judge(true).unwrap();
    assert_eq!(verdict, Verdict::Dirty(F));
    let (page, old) = page.begin_write(Home::Slot(OTHER)).unwrap();
    assert_eq!((page.slot(), old), (Some(OTHER), Some(S)));
}

#[test]
fn with_no_other_slot_free_a_page_is_written_over_its_own_old_copy() {
    let (page, old) =
        stale().begin_evict().unwrap().judge(false).unwrap().0.begin_write(Home::Slot(S)).unwrap();
    assert_eq!((page.slot(), old), (Some(S), None));
}

#[test]
fn the_dirty_bit_of_one_sharer_outlives_it() {
    let shared = resident(0).attach(false).unwrap();
    let (left, remains) = shared.detach(true).unwrap();
    assert_eq!((left.sharers(), remains), (1, None));
    let (_, verdict) = left.begin_evict().unwrap().judge(false).unwrap();
    assert_eq!(verdict, Verdict::Dirty(F));
}

#[test]
fn a_store_during_cleaning_is_written_next_time() {
    let page = file(1).begin_clean().unwrap();
    let (page, write) = page.gather(true).unwrap();
    assert!(write);
    let page = page.unpin_written().unwrap().cleaned().unwrap();
    let (page, write) = page.begin_clean().unwrap().gather(false).unwrap();
    assert!(write);
    let (_, write) = page.cleaned().unwrap().begin_clean().unwrap().gather(false).unwrap();
    assert!(!write, "a clean page is not written");
}

#[test]
fn a_write_back_that_fails_leaves_the_page_dirty() {
    let page = file(0).begin_clean().unwrap().gather(true).unwrap().0.clean_failed().unwrap();
    assert!(page.is_dirty());
}

#[test]
fn a_page_made_by_copying_has_no_copy_of_itself() {
    let page = PageState::copied(F);
    assert_eq!((page.pins(), page.sharers(), page.frame()), (1, 1, Some(F)));
    let (_, verdict) = page.unpin().unwrap().begin_evict().unwrap().judge(false).unwrap();
    assert_eq!(verdict, Verdict::Dirty(F));
}

#[test]
fn a_page_born_with_zeroes_is_one_that_was_claimed_and_published() {
    assert_eq!(PageState::zeroed(F), PageState::new().claim().unwrap().publish(F).unwrap().unpin().unwrap());
}

#[test]
fn readahead_does_not_load_a_page_that_has_moved() {
    assert_eq!(swapped().claim_in(OTHER), Err(Refused::NotInSlot));
    assert_eq!(copied().claim_in(S), Err(Refused::NotInSlot));
    let (page, ticket) = swapped().claim_in(S).unwrap().wait().unwrap();
    let page = page.publish_unpinned(F).unwrap();
    assert_eq!((page.redeem(ticket), page.pins()), (Redeemed::Pinned(F), 1));
}

#[test]
fn taking_a_slot_makes_the_frame_the_only_copy() {
    let (page, slot) = copied().take_slot().unwrap();
    assert_eq!(slot, S);
    let (_, verdict) = page.begin_evict().unwrap().judge(false).unwrap();
    assert_eq!(verdict, Verdict::Dirty(F));
}

#[test]
fn the_last_sharer_gets_frame_and_slot_once() {
    let shared = copied().attach(false).unwrap();
    let (left, nothing) = shared.detach(false).unwrap();
    assert_eq!(nothing, None);
    let (dead, remains) = left.detach(false).unwrap();
    let remains = remains.unwrap();
    assert_eq!((remains.frame, remains.slot), (Some(F), Some(S)));
    assert_eq!((dead.frame(), dead.slot()), (None, None));
    assert_eq!(dead.detach(false), Err(Refused::Dead));
    assert_eq!(dead.attach(false), Err(Refused::Dead));
}

#[test]
fn the_last_sharer_waits_for_the_evictor_and_others_do_not() {
    for busy in [loading(0), dirty(), writing(), file(0).begin_clean().unwrap()] {
        assert_eq!(busy.detach(false), Err(Refused::Busy));
        assert_eq!(busy.attach(false).unwrap().detach(false).unwrap(), (busy, None));
    }
}

proptest! {
    /// The invariants 2, 3, 6 and 8 of ARCHITECTURE.md section 6 and the table of legal values, after any sequence of operations.
    #[test]
    fn any_sequence_keeps_the_invariants(
        of_file: bool,
        ops in prop::collection::vec(prop::sample::select(OPS.to_vec()), 0..300),
    ) {
        let mut page = if of_file { PageState::of_file() } else { PageState::new() };
        let (mut frames, mut slots) = (0i32, 0i32); // owned by the page
        let mut dirtied = false; // since the content had its last copy
        for op in ops {
            let before = page;
            let Ok((after, given)) = apply(page, op) else { continue };
            page = after;
            frames += op.gives_frame() - given.iter().filter(|g| matches!(g, ops::Given::Frame(_))).count() as i32;
            if let Op::WriteToSlot | Op::WriteToOther = op {
                let Some(now) = after.slot() else { panic!("it was given one") };
                slots += i32::from(before.slot() != Some(now));
            }
            slots -= given.iter().filter(|g| matches!(g, ops::Given::Slot(_))).count() as i32;
            dirtied |= op.reports_a_store();
            if matches!(op, Op::Written | Op::Gather | Op::GatherDirty | Op::DiscardStores) {
                dirtied = false;
            }
            if op == Op::CleanFailed || op == Op::TakeSlot {
                dirtied = true;
            }
            if before.pins() > 0 && before.frame().is_some() && !before.is_busy() {
                prop_assert_eq!(after.frame(), before.frame(), "a pinned page lost its frame");
            }
            if after.frame().is_none() && (after.state() != State::Dead || of_file) {
                prop_assert!(!dirtied, "{:?} lost a store", op);
            }
            let (pins, sharers) = (after.pins(), after.sharers());
            match after.state() {
                State::Uninit | State::Swapped { .. } => prop_assert!(pins == 0 && sharers > 0 && !after.is_dirty()),
                State::Loading { .. } => prop_assert!(pins > 0 && sharers > 0 && !after.is_dirty()),
                State::Resident { .. } | State::Cleaning { .. } | State::Evicting { .. } => prop_assert!(sharers > 0),
                State::Writeback { .. } => prop_assert!(sharers > 0 && after.is_dirty()),
                State::Dead => prop_assert!(pins == 0 && sharers == 0 && !after.is_dirty()),
            }
            prop_assert_eq!(frames, i32::from(after.frame().is_some()));
            prop_assert_eq!(slots, i32::from(after.slot().is_some()));
            prop_assert!(!of_file || after.slot().is_none(), "a file page in swap");
        }
    }

    /// Waiters come, give up or stay, loads end well or badly, evictions are begun and kept: in the end every pin has an owner.
    #[test]
    fn pins_are_as_many_as_those_who_think_they_hold_one(
        steps in prop::collection::vec((0u8..9, any::<prop::sample::Index>()), 0..150),
    ) {
        let mut page = PageState::new();
        let mut tickets = Vec::new();
        let mut holders = 0u32;
        for (step, index) in steps {
            match step {
                0 => page = page.claim().unwrap_or(page),
                1 => if let Ok((after, ticket)) = page.wait() {
                    page = after;
                    tickets.push(ticket);
                },
                2 => if let Ok(after) = page.publish(F) {
                    page = after;
                    holders += 1;
                },
                3 => page = page.abort().unwrap_or(page),
                4 if !tickets.is_empty() => {
                    let ticket = tickets.swap_remove(index.index(tickets.len()));
                    match page.redeem(ticket) {
                        Redeemed::Pinned(_) => holders += 1,
                        Redeemed::StillBusy(ticket) => page = page.give_up(ticket),
                        Redeemed::Aborted => {}
                    }
                }
                5 if holders > 0 => {
                    page = page.unpin().unwrap();
                    holders -= 1;
                }
                6 => page = page.begin_evict().unwrap_or(page),
                7 => page = page.judge(index.index(2) == 0).map_or(page, |(page, _)| page),
                8 => page = match page.state() {
                    State::Evicting { .. } => page.begin_write(Home::Slot(S)).map_or(page, |(page, _)| page),
                    _ => page.written().map_or(page, |(page, _)| page),
                },
                _ => {}
            }
        }
        if let Ok(after) = page.publish(F) {
            page = after;
            holders += 1;
        }
        page = page.keep(false).unwrap_or(page);
        page = page.written().map_or(page, |(page, _)| page);
        for ticket in tickets {
            holders += u32::from(matches!(page.redeem(ticket), Redeemed::Pinned(_)));
        }
        prop_assert_eq!(page.pins(), holders);
    }
}
