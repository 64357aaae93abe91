//! The page's life: every operation in every state against a written-out table, and what tickets and generations promise.
#![cfg(not(loom))]

use fl_addr::Pfn;
use fl_vmcore::{PageState, Redeemed, Refused, State};
use proptest::prelude::*;

const F: Pfn = Pfn(7);
const NEW: Pfn = Pfn(8);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Claim,
    Publish,
    Abort,
    Kill,
    Pin,
    Unpin,
    Wait,
}
const OPS: [Op; 7] = [Op::Claim, Op::Publish, Op::Abort, Op::Kill, Op::Pin, Op::Unpin, Op::Wait];

/// Carries out `op`; what it gave back besides the page (a frame) is the second value.
fn apply(page: PageState, op: Op) -> Result<(PageState, Option<Pfn>), Refused> {
    match op {
        Op::Claim => page.claim().map(|p| (p, None)),
        Op::Publish => page.publish(NEW).map(|p| (p, None)),
        Op::Abort => page.abort().map(|p| (p, None)),
        Op::Kill => page.kill(),
        Op::Pin => page.pin().map(|(p, frame)| (p, Some(frame))),
        Op::Unpin => page.unpin().map(|p| (p, None)),
        Op::Wait => page.wait().map(|(p, _)| (p, None)),
    }
}

fn uninit() -> PageState {
    PageState::new()
}

fn loading(waiters: u32) -> PageState {
    (0..waiters).fold(uninit().claim().unwrap(), |p, _| p.wait().unwrap().0)
}

fn resident(pins: u32) -> PageState {
    let page = loading(0).publish(F).unwrap().unpin().unwrap();
    (0..pins).fold(page, |p, _| p.pin().unwrap().0)
}

fn dead() -> PageState {
    resident(0).kill().unwrap().0
}

#[test]
fn every_operation_in_every_state_does_what_the_table_says() {
    use Op::*;
    use Refused as R;
    use State as S;
    let f = S::Resident { frame: F };
    let new = S::Resident { frame: NEW };
    // (before, operation, Ok(state after, pins after, frame given back) or the refusal)
    type Row = (PageState, Op, Result<(State, u32, Option<Pfn>), Refused>);
    #[rustfmt::skip]
    let table: Vec<Row> = vec![
        (uninit(),    Claim,   Ok((S::Loading, 1, None))),
        (uninit(),    Publish, Err(R::NotLoading)),
        (uninit(),    Abort,   Err(R::NotLoading)),
        (uninit(),    Kill,    Ok((S::Dead, 0, None))),
        (uninit(),    Pin,     Err(R::NotResident)),
        (uninit(),    Unpin,   Err(R::NotPinned)),
        (uninit(),    Wait,    Err(R::NotResident)),

        (loading(0),  Claim,   Err(R::Busy)),
        (loading(0),  Publish, Ok((new, 1, None))),
        (loading(0),  Abort,   Ok((S::Uninit, 0, None))),
        (loading(0),  Kill,    Err(R::Busy)),
        (loading(0),  Pin,     Err(R::Busy)),
        (loading(0),  Unpin,   Err(R::NotPinned)),
        (loading(0),  Wait,    Ok((S::Loading, 2, None))),

        (loading(2),  Claim,   Err(R::Busy)),
        (loading(2),  Publish, Ok((new, 3, None))),
        (loading(2),  Abort,   Ok((S::Uninit, 0, None))),
        (loading(2),  Kill,    Err(R::Busy)),
        (loading(2),  Pin,     Err(R::Busy)),
        (loading(2),  Unpin,   Err(R::NotPinned)),
        (loading(2),  Wait,    Ok((S::Loading, 4, None))),

        (resident(0), Claim,   Err(R::Resident(F))),
        (resident(0), Publish, Err(R::NotLoading)),
        (resident(0), Abort,   Err(R::NotLoading)),
        (resident(0), Kill,    Ok((S::Dead, 0, Some(F)))),
        (resident(0), Pin,     Ok((f, 1, Some(F)))),
        (resident(0), Unpin,   Err(R::NotPinned)),
        (resident(0), Wait,    Err(R::Resident(F))),

        (resident(2), Claim,   Err(R::Resident(F))),
        (resident(2), Publish, Err(R::NotLoading)),
        (resident(2), Abort,   Err(R::NotLoading)),
        (resident(2), Kill,    Err(R::Pinned(2))),
        (resident(2), Pin,     Ok((f, 3, Some(F)))),
        (resident(2), Unpin,   Ok((f, 1, None))),
        (resident(2), Wait,    Err(R::Resident(F))),

        (dead(),      Claim,   Err(R::Dead)),
        (dead(),      Publish, Err(R::NotLoading)),
        (dead(),      Abort,   Err(R::NotLoading)),
        (dead(),      Kill,    Err(R::Dead)),
        (dead(),      Pin,     Err(R::Dead)),
        (dead(),      Unpin,   Err(R::NotPinned)),
        (dead(),      Wait,    Err(R::Dead)),
    ];
    for before in [uninit(), loading(0), loading(2), resident(0), resident(2), dead()] {
        for op in OPS {
            assert_eq!(table.iter().filter(|r| (r.0, r.1) == (before, op)).count(), 1, "{before:?} {op:?}");
        }
    }
    for (before, op, expected) in table {
        let after = apply(before, op);
        assert_eq!(after.map(|(p, frame)| (p.state(), p.pins(), frame)), expected, "{before:?} {op:?}");
        if let Ok((after, _)) = after {
            let step = u32::from(after.state() != before.state());
            assert_eq!(after.generation() - before.generation(), step, "one generation for each transition");
        }
    }
}

#[test]
fn a_waiter_holds_a_pin_the_moment_the_page_is_published() {
    let page = loading(0);
    let (page, ticket) = page.wait().unwrap();
    let Redeemed::StillLoading(ticket) = page.redeem(ticket) else { panic!("nothing happened yet") };
    let page = page.publish(F).unwrap();
    let page = page.unpin().unwrap(); // the claimer is done before the waiter even wakes
    assert_eq!(page.kill(), Err(Refused::Pinned(1)), "nobody takes the page away from the waiter");
    assert_eq!(page.redeem(ticket), Redeemed::Pinned(F));
    assert_eq!(page.unpin().unwrap().pins(), 0);
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
    let (waited, ticket) = loading(0).wait().unwrap();
    assert_eq!(waited.give_up(ticket), loading(0), "while loading");

    let (waited, ticket) = loading(0).wait().unwrap();
    let page = waited.publish(F).unwrap();
    assert_eq!(page.give_up(ticket).pins(), 1, "after publishing the claimer's pin is left");

    let (waited, ticket) = loading(0).wait().unwrap();
    let page = waited.abort().unwrap();
    assert_eq!(page.give_up(ticket), page, "after an abort there is nothing to take");
}

#[test]
fn killing_gives_the_frame_back_exactly_once() {
    let (dead, frame) = resident(0).kill().unwrap();
    assert_eq!(frame, Some(F));
    assert_eq!(dead.frame(), None);
    assert_eq!(dead.kill(), Err(Refused::Dead));
}

proptest! {
    /// The invariants of ARCHITECTURE.md section 6 (2 and 6) and the legal combinations, after any sequence of operations.
    #[test]
    fn any_sequence_keeps_the_invariants(ops in prop::collection::vec(prop::sample::select(OPS.to_vec()), 0..200)) {
        let mut page = PageState::new();
        let mut frames = 0i32; // owned by the page
        for op in ops {
            let before = page;
            match apply(page, op) {
                Ok((after, frame)) => {
                    page = after;
                    frames += i32::from(op == Op::Publish) - i32::from(op == Op::Kill && frame.is_some());
                    prop_assert_eq!(
                        after.generation(),
                        before.generation() + u32::from(after.state() != before.state())
                    );
                    if before.frame().is_some() && before.pins() > 0 {
                        prop_assert!(after.frame() == before.frame(), "a pinned page left Resident");
                    }
                }
                Err(_) => prop_assert_eq!(page, before),
            }
            match page.state() {
                State::Uninit | State::Dead => prop_assert_eq!(page.pins(), 0),
                State::Loading => prop_assert!(page.pins() >= 1),
                State::Resident { .. } => {}
            }
            prop_assert_eq!(frames, i32::from(page.frame().is_some()));
        }
    }

    /// Waiters come, give up or stay, loads end well or badly: in the end every pin has an owner.
    #[test]
    fn pins_are_as_many_as_those_who_think_they_hold_one(
        steps in prop::collection::vec((0u8..6, any::<prop::sample::Index>()), 0..100),
    ) {
        let mut page = PageState::new();
        let mut tickets = Vec::new();
        let mut holders = 0u32;
        let mut claimed = false;
        for (step, index) in steps {
            match step {
                0 => if let Ok(after) = page.claim() {
                    page = after;
                    claimed = true;
                },
                1 => if let Ok((after, ticket)) = page.wait() {
                    page = after;
                    tickets.push(ticket);
                },
                2 if claimed => {
                    page = page.publish(F).unwrap();
                    (claimed, holders) = (false, holders + 1);
                }
                3 if claimed => {
                    page = page.abort().unwrap();
                    claimed = false;
                }
                4 if !tickets.is_empty() => {
                    let ticket = tickets.swap_remove(index.index(tickets.len()));
                    match page.redeem(ticket) {
                        Redeemed::Pinned(_) => holders += 1,
                        Redeemed::StillLoading(ticket) => page = page.give_up(ticket),
                        Redeemed::Aborted => {}
                    }
                }
                5 if holders > 0 => {
                    page = page.unpin().unwrap();
                    holders -= 1;
                }
                _ => {}
            }
        }
        if claimed {
            page = page.publish(F).unwrap();
            holders += 1;
        }
        for ticket in tickets {
            holders += u32::from(matches!(page.redeem(ticket), Redeemed::Pinned(_)));
        }
        prop_assert_eq!(page.pins(), holders);
    }
}
