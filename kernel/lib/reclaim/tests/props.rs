//! What holds for every policy whatever happens: bounds, nobody starved, no frame lost; and the evictor's controller and clusters.
#![cfg(not(loom))]

use fl_addr::{PageId, Slot, Vpn};
use fl_reclaim::cluster::{Write, assign, order, requests};
use fl_reclaim::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FRAMES: u32 = 40;

fn policies() -> impl Strategy<Value = Choice> {
    prop::sample::select(Choice::ALL.to_vec())
}

const COLD: Sample = Sample::Unused { must_write: true };

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u32),
    Remove(u32),
    PutBack(u32),
    /// A batch of so many; each candidate is judged by a bit of the second: used or not; frames of the third are removed before.
    Batch(usize, u64, Option<u32>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..FRAMES + 3, 1u32..100).prop_map(|(frame, page)| Step::Insert(frame, page)),
        2 => (0..FRAMES + 3).prop_map(Step::Remove),
        1 => (0..FRAMES + 3).prop_map(Step::PutBack),
        4 => (0usize..40, any::<u64>(), prop::option::of(0..FRAMES)).prop_map(|(n, bits, gone)| Step::Batch(n, bits, gone)),
    ];
    prop::collection::vec(step, 0..200)
}

/// A policy that has gone through the steps, and the frames that it knows by our account.
fn after(choice: Choice, steps: Vec<Step>) -> Result<(AnyPolicy, BTreeSet<u32>), TestCaseError> {
    let mut policy = AnyPolicy::new(choice, FRAMES).unwrap();
    let mut known = BTreeSet::new();
    let mut evicted = BTreeSet::new();
    for step in steps {
        match step {
            Step::Insert(frame, page) => {
                policy.insert(FrameIndex(frame), PageId(page));
                if frame < FRAMES {
                    known.insert(frame);
                    evicted.remove(&frame);
                }
            }
            Step::Remove(frame) => {
                policy.remove(FrameIndex(frame));
                known.remove(&frame);
            }
            Step::PutBack(frame) => {
                if evicted.remove(&frame) {
                    policy.put_back(FrameIndex(frame));
                    known.insert(frame);
                }
            }
            Step::Batch(n, bits, gone) => {
                let mut batch = Batch::new(n);
                policy.candidates(&mut batch);
                let named: BTreeSet<_> = batch.as_slice().iter().map(|c| c.frame.0).collect();
                prop_assert_eq!(named.len(), batch.as_slice().len(), "a frame is named twice");
                prop_assert!(named.is_subset(&known), "a frame is named that nobody knows");
                prop_assert!(!named.is_empty() || known.is_empty() || n == 0, "nobody is named");
                prop_assert!(named.len() <= n.min(BATCH));
                if let Some(gone) = gone {
                    policy.remove(FrameIndex(gone));
                    known.remove(&gone);
                }
                for (at, candidate) in batch.as_slice().iter().enumerate() {
                    let sample = if bits >> at & 1 == 1 { Sample::Used } else { COLD };
                    let verdict = policy.judge(*candidate, sample);
                    if bits >> 40 & 1 == 1 {
                        policy.tick();
                    }
                    if verdict == Verdict::Evict {
                        prop_assert!(known.remove(&candidate.frame.0), "a frame is evicted that is gone");
                        evicted.insert(candidate.frame.0);
                    }
                }
            }
        }
        prop_assert_eq!(policy.len(), known.len());
    }
    Ok((policy, known))
}

/// Judges until a frame is evicted; how many that took. `sample` says what is found at each.
fn search(policy: &mut AnyPolicy, limit: usize, sample: impl Fn(u32) -> Sample) -> (Option<u32>, usize) {
    let (mut judged, mut round) = (0, 0);
    policy.tick();
    while judged <= 10 * policy.bound() + 10 {
        if round >= policy.len() {
            round = 0;
            policy.tick();
        }
        let mut batch = Batch::new(limit);
        policy.candidates(&mut batch);
        let mut found = None;
        for candidate in batch.as_slice() {
            judged += usize::from(found.is_none());
            round += 1;
            match policy.judge(*candidate, sample(candidate.frame.0)) {
                Verdict::Evict if found.is_none() => found = Some(candidate.frame.0),
                Verdict::Evict => policy.put_back(candidate.frame),
                Verdict::Keep => {}
            }
        }
        if found.is_some() {
            return (found, judged);
        }
    }
    (None, judged)
}

proptest! {
    /// Invariant 13 of ARCHITECTURE.md, section 6, for every policy with its own bound.
    #[test]
    fn a_victim_is_found_within_the_bound_if_one_page_can_be_had(
        choice in policies(),
        steps in steps(),
        limit in 1usize..=BATCH,
        free in any::<prop::sample::Index>(),
    ) {
        let (mut policy, known) = after(choice, steps)?;
        prop_assume!(!known.is_empty());
        let available = *known.iter().nth(free.index(known.len())).unwrap();
        let bound = policy.bound();
        let sample = |frame| if frame == available { COLD } else { Sample::Unavailable };
        let (victim, judged) = search(&mut policy, limit, sample);
        prop_assert_eq!(victim, Some(available));
        prop_assert!(judged <= bound, "{} judged, the bound is {}", judged, bound);
    }

    /// As long as nothing is available the search goes on without an end of its own; the caller's is the bound.
    #[test]
    fn nothing_is_evicted_while_all_is_pinned_and_all_of_it_afterwards(choice in policies(), steps in steps()) {
        let (mut policy, known) = after(choice, steps)?;
        for _ in 0..5 {
            let mut batch = Batch::new(BATCH);
            policy.candidates(&mut batch);
            for candidate in batch.as_slice() {
                prop_assert_eq!(policy.judge(*candidate, Sample::Unavailable), Verdict::Keep);
            }
        }
        for _ in 0..known.len() {
            prop_assert!(search(&mut policy, 1, |_| COLD).0.is_some());
        }
        prop_assert!(policy.is_empty());
    }

    /// An idle page goes in the end, however busy all the others are and however many new ones come and go.
    #[test]
    fn no_page_stays_for_ever_unused(choice in policies(), steps in steps(), idle in any::<prop::sample::Index>(), hot in 0u32..FRAMES) {
        let (mut policy, known) = after(choice, steps)?;
        prop_assume!(!known.is_empty());
        let idle = *known.iter().nth(idle.index(known.len())).unwrap();
        let mut page = 1000;
        for frame in 0..FRAMES {
            page += 1;
            policy.insert(FrameIndex(frame), PageId(page)); // those that are known already stay as they are
        }
        // Frames below `hot` are used all the time, the others hold pages that are used once.
        let sample = |frame| if frame != idle && frame < hot { Sample::Used } else { COLD };
        let mut evictions = 0;
        loop {
            let (victim, _) = search(&mut policy, 1, sample);
            let victim = victim.expect("the idle one can be had");
            if victim == idle {
                break;
            }
            evictions += 1;
            prop_assert!(evictions < 40 * FRAMES, "{} of {}", idle, hot);
            page += 1;
            policy.insert(FrameIndex(victim), PageId(page));
        }
    }
}

// --- watermarks ---

#[test]
fn watermarks_are_in_order_for_every_size_of_memory() {
    for total in (0..6000).chain([65_536, 1 << 20, u32::MAX]) {
        let marks = Watermarks::for_frames(total);
        assert!(
            marks.min <= marks.low && marks.low <= marks.high && marks.high <= total / 2,
            "{total}: {marks:?}"
        );
        if total >= 16 {
            assert!(marks.min < marks.low && marks.low < marks.high, "{total}: {marks:?}");
        }
    }
    assert_eq!(Watermarks::for_frames(1215), Watermarks { min: 9, low: 37, high: 75 });
    assert_eq!(Watermarks::for_frames(75), Watermarks { min: 1, low: 4, high: 8 });
}

#[test]
fn only_the_urgent_go_below_min() {
    let marks = Watermarks::for_frames(1215);
    assert!(marks.admits(10, false) && !marks.admits(9, false));
    assert!(marks.admits(1, true) && !marks.admits(0, true));
}

#[test]
fn writes_in_flight_are_not_asked_for_twice() {
    let marks = Watermarks { min: 2, low: 10, high: 20 };
    let control = |free, in_flight, mode| {
        let Control { mode, want } = marks.control(free, in_flight, mode);
        (mode, want)
    };
    assert_eq!(control(10, 0, Mode::Idle), (Mode::Idle, 0));
    assert_eq!(control(9, 0, Mode::Idle), (Mode::Reclaiming, 11));
    assert_eq!(control(9, 1, Mode::Idle), (Mode::Idle, 0));
    assert_eq!(control(9, 5, Mode::Reclaiming), (Mode::Reclaiming, 6));
    assert_eq!(control(9, 11, Mode::Reclaiming), (Mode::Reclaiming, 0), "waits for the disk");
    assert_eq!(control(19, 4, Mode::Reclaiming), (Mode::Reclaiming, 0));
    assert_eq!(control(20, 0, Mode::Reclaiming), (Mode::Idle, 0));
    assert_eq!(control(u32::MAX, u32::MAX, Mode::Idle), (Mode::Idle, 0));
}

proptest! {
    /// Invariant 14: between low and high the mode stays what it is, so small changes to and fro do not wake the evictor each time.
    #[test]
    fn the_controller_has_hysteresis(total in 16u32..100_000, walk in prop::collection::vec(-30i64..30, 1..300)) {
        let marks = Watermarks::for_frames(total);
        let (mut free, mut mode) = (i64::from(marks.high), Mode::Idle);
        for change in walk {
            free = (free + change).clamp(0, i64::from(total));
            let before = mode;
            let Control { mode: now, want } = marks.control(free as u32, 0, mode);
            mode = now;
            match (before, now) {
                (Mode::Idle, Mode::Reclaiming) => prop_assert!(free < i64::from(marks.low)),
                (Mode::Reclaiming, Mode::Idle) => prop_assert!(free >= i64::from(marks.high)),
                (Mode::Idle, Mode::Idle) => prop_assert!(free >= i64::from(marks.low)),
                (Mode::Reclaiming, Mode::Reclaiming) => prop_assert!(free < i64::from(marks.high)),
            }
            // What is wanted leads exactly to the goal.
            let goal = if now == Mode::Reclaiming { i64::from(marks.high) - free } else { 0 };
            prop_assert_eq!(i64::from(want), goal);
        }
    }

    /// Whatever is evicted on the controller's word, there are never more than high free afterwards because of it.
    #[test]
    fn the_evictor_is_never_asked_for_more_than_leads_to_high(free in 0u32..200, in_flight in 0u32..200, total in 0u32..3000, idle: bool) {
        let marks = Watermarks::for_frames(total);
        let control = marks.control(free, in_flight, if idle { Mode::Idle } else { Mode::Reclaiming });
        prop_assert!(control.want == 0 || free + in_flight + control.want == marks.high);
    }
}

// --- clusters ---

fn write(owner: u64, page: u64, item: u32) -> Write<u32> {
    Write { owner, page: Vpn(page), slot: None, item }
}

#[test]
fn a_sweep_is_written_in_one_request() {
    let mut batch: Vec<_> = [5, 3, 4, 1, 2, 0].map(|page| write(1, page, 0)).to_vec();
    order(&mut batch);
    assert_eq!(assign(&mut batch, |want| Some((Slot(10), want))), 6);
    let requests: Vec<_> =
        requests(&mut batch, 32).map(|r| r.iter().map(|w| (w.page.0, w.slot)).collect::<Vec<_>>()).collect();
    assert_eq!(requests, [(0..6).map(|n| (n, Some(Slot(10 + n as u32)))).collect::<Vec<_>>()]);
}

#[test]
fn writes_that_got_no_slot_are_in_no_request() {
    let mut batch: Vec<_> = (0..5).map(|page| write(1, page, 0)).collect();
    let mut runs = vec![(Slot(7), 1), (Slot(20), 2)];
    assert_eq!(assign(&mut batch, |_| runs.pop()), 3);
    let requests: Vec<_> = requests(&mut batch, 32).map(|r| r.len()).collect();
    assert_eq!(requests, [1, 2]);
}

proptest! {
    #[test]
    fn requests_hold_every_write_once_and_only_neighbours(
        pages in prop::collection::vec((0u64..3, 0u64..50), 0..40),
        lens in prop::collection::vec(1u32..10, 0..20),
        most in 0usize..12,
    ) {
        let mut batch: Vec<_> = pages.iter().zip(0..).map(|(&(owner, page), n)| write(owner, page, n)).collect();
        order(&mut batch);
        prop_assert!(batch.is_sorted_by_key(|w| (w.owner, w.page)));
        let (mut next, mut lens) = (0, lens.into_iter());
        let with_slot = assign(&mut batch, |want| {
            let len = lens.next()?.min(want);
            next += len + 1; // a gap between runs
            Some((Slot(next - len), len))
        });
        let slots: BTreeSet<_> = batch.iter().filter_map(|w| w.slot).collect();
        prop_assert_eq!(slots.len(), with_slot);
        let total = batch.len();
        let mut seen = BTreeSet::new();
        for request in requests(&mut batch, most) {
            prop_assert!(!request.is_empty() && request.len() <= most.max(1));
            prop_assert!(request.windows(2).all(|w| w[1].slot.unwrap() - w[0].slot.unwrap() == 1));
            seen.extend(request.iter().map(|w| w.item));
        }
        prop_assert_eq!(seen.len(), with_slot);
        prop_assert!(with_slot <= total);
    }
}
