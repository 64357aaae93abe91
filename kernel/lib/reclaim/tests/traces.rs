//! Each policy against traces worked out by hand. The comments show the queue, oldest first, after the access; `'` marks a page that
//! was used since the hand passed it.
#![cfg(not(loom))]

use fl_addr::PageId;
use fl_reclaim::replay::{Access, Machine, Replay, replay};
use fl_reclaim::{AnyPolicy, Batch, Choice, FrameIndex, Policy, Sample, Verdict, opt};

fn machine(frames: u32, load_counts: bool) -> Machine {
    Machine { frames, batch: 1, load_counts }
}

/// Replays a trace of page numbers; a negative one is a store.
fn run(choice: Choice, machine: Machine, trace: &[i32]) -> Replay {
    let accesses = trace.iter().map(|&n| Access { page: PageId(n.unsigned_abs()), write: n < 0 });
    replay(&mut AnyPolicy::new(choice, machine.frames).unwrap(), machine, accesses)
}

fn victims(replay: &Replay) -> Vec<u32> {
    replay.victims.iter().map(|page| page.0).collect()
}

/// Bélády's own example.
const ANOMALY: [i32; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

#[test]
fn fifo_shows_beladys_anomaly() {
    let three = run(Choice::Fifo, machine(3, true), &ANOMALY);
    assert_eq!((victims(&three), three.faults), (vec![1, 2, 3, 4, 1, 2], 9));
    let four = run(Choice::Fifo, machine(4, true), &ANOMALY);
    assert_eq!((victims(&four), four.faults), (vec![1, 2, 3, 4, 5, 1], 10));
}

#[test]
fn opt_takes_the_faults_that_textbooks_count() {
    let anomaly = ANOMALY.map(i32::unsigned_abs);
    assert_eq!((opt::faults(&anomaly, 3), opt::faults(&anomaly, 4)), (7, 6));
    // Silberschatz, Galvin, Gagne: Operating System Concepts, chapter on virtual memory.
    let string = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1];
    assert_eq!(opt::faults(&string, 3), 9);
    assert_eq!((opt::faults(&string, 0), opt::faults(&string, 99)), (20, 6));
}

#[test]
fn clock_gives_used_pages_a_second_chance() {
    let trace = [
        1, 2, 3, // 1 2 3
        1, // 1' 2 3
        4, // 3 1 4       1 is passed, 2 goes
        2, // 1 4 2       3 goes
        5, // 4 2 5       1 goes: its chance was used up
        1, // 2 5 1       4 goes
    ];
    let found = run(Choice::Clock, machine(3, false), &trace);
    assert_eq!((victims(&found), found.faults), (vec![2, 3, 1, 4], 7));
}

#[test]
fn clock_goes_round_once_if_every_page_was_used() {
    let trace = [
        1, 2, 3, // 1' 2' 3'
        4, // 2 3 4'      all are passed, then 1 goes
        1, // 3 4' 1'     2 goes
        5, // 4' 1' 5'    3 goes
        2, // 1 5 2'      all are passed, then 4 goes
    ];
    let found = run(Choice::Clock, machine(3, true), &trace);
    assert_eq!(victims(&found), [1, 2, 3, 4]);
    assert_eq!((found.judged, found.longest_search), (4 + 1 + 1 + 4, 4));
}

#[test]
fn enhanced_clock_takes_dirty_pages_last() {
    let trace = [
        -1, 2, 3, // 1 2 3, 1 is dirty
        4, // 3 1 4       1 is spared, 2 goes
        5, // 1 4 5       3 goes
        6, // 4 5 6       1 goes: it was spared once
    ];
    let found = run(Choice::EnhancedClock, machine(3, false), &trace);
    assert_eq!((victims(&found), found.writes), (vec![2, 3, 1], 1));
    let plain = run(Choice::Clock, machine(3, false), &trace);
    assert_eq!((victims(&plain), plain.writes), (vec![1, 2, 3], 1));
}

#[test]
fn enhanced_clock_spares_a_dirty_page_anew_once_it_was_used() {
    let trace = [
        -1, 2, 3,  // 1 2 3
        4,  // 3 1 4       1 is spared, 2 goes
        1,  // 3 1' 4
        5,  // 1' 4 5      3 goes
        6,  // 5 1 6       1 is passed, 4 goes
        7,  // 1 6 7       5 goes
        8,  // 7 1 8       1 is spared again, 6 goes
        9,  // 1 8 9       7 goes
        10, // 8 9 10     1 goes
    ];
    let found = run(Choice::EnhancedClock, machine(3, false), &trace);
    assert_eq!(victims(&found), [2, 3, 4, 5, 6, 7, 1]);
}

#[test]
fn sieve_leaves_used_pages_where_they_are_and_takes_the_new_ones_that_nobody_uses() {
    let trace = [
        1, 2, 3,  // 1 2 3, the hand at 1
        1,  // 1' 2 3
        4,  // 1 3 4       1 is passed, 2 goes; the hand at 3
        5,  // 1 4 5       3 goes
        6,  // 1 5 6       4 goes
        7,  // 1 6 7       5 goes
        1,  // 1' 6 7
        8,  // 1' 7 8      6 goes; the hand at 7
        7,  // 1' 7' 8
        9,  // 1' 7 9      7 is passed, 8 goes; the hand has been everywhere
        10, // 1 9 10     1 is passed, 7 goes
    ];
    let found = run(Choice::Sieve, machine(3, false), &trace);
    assert_eq!(victims(&found), [2, 3, 4, 5, 6, 8, 7]);
}

#[test]
fn two_queue_protects_what_comes_back() {
    let trace = [
        1, 2, 3, 4, // probation 1 2 3 4
        5, // 2 3 4 5                 1 goes and is remembered
        1, // 3 4 5, protected 1      2 goes, 1 comes back
        6, 7, 8, // 6 7 8, protected 1  3, 4, 5 go
        1, // a hit
    ];
    let found = run(Choice::TwoQueue, machine(4, false), &trace);
    assert_eq!((victims(&found), found.faults), (vec![1, 2, 3, 4, 5], 9));
}

#[test]
fn two_queue_protects_what_is_used_twice_and_takes_the_rest_of_probation() {
    let trace = [
        1, 2, 3, 4, // probation 1' 2' 3' 4'
        5, // 2 3 4 5'        all are passed once, for their loads; then 1 goes
        2, // 2' 3 4 5'
        6, // 4 5' 6', protected 2    2 is used again and protected; 3 goes
        7, // 5' 6' 7', protected 2   4 goes
        2, // a hit
        8, // 7 5 8', protected 2'    5, 6, 7 are passed, then 5 once more, because no time has passed; 6 goes
    ];
    let found = run(Choice::TwoQueue, machine(4, true), &trace);
    assert_eq!((victims(&found), found.faults), (vec![1, 3, 4, 6], 8));
}

#[test]
fn two_queue_says_whether_a_victim_had_proved_itself() {
    let mut policy = AnyPolicy::new(Choice::TwoQueue, 4).unwrap();
    let judge = |policy: &mut AnyPolicy, sample| {
        policy.tick();
        let mut batch = Batch::new(1);
        policy.candidates(&mut batch);
        policy.judge(batch.as_slice()[0], sample)
    };
    policy.insert(FrameIndex(0), PageId(1));
    // The load counts as the first use.
    assert_eq!([Sample::Used; 2].map(|sample| judge(&mut policy, sample)), [Verdict::Keep; 2]);
    assert_eq!(judge(&mut policy, Sample::Unused { must_write: false }), Verdict::Evict);
    assert!(policy.was_protected(), "used twice, and then no more");
    policy.insert(FrameIndex(1), PageId(2));
    assert_eq!(judge(&mut policy, Sample::Unused { must_write: false }), Verdict::Evict);
    assert!(!policy.was_protected(), "used once");
}

#[test]
fn names_lead_to_policies_and_back() {
    for &choice in Choice::ALL {
        assert_eq!(choice.name().parse(), Ok(choice));
    }
    let error = "lru".parse::<Choice>().unwrap_err();
    assert_eq!(error.to_string(), "no such policy; there are clock enhanced fifo sieve 2q");
}
