//! Loops, scans and skewed accesses: each policy against OPT and the others, in the order the field knows.
#![cfg(not(loom))]

use fl_addr::PageId;
use fl_model::with_mutant;
use fl_reclaim::replay::{Access, Machine, replay};
use fl_reclaim::{AnyPolicy, Batch, Choice, FrameIndex, Mode, Policy, Sample, Verdict, Watermarks, opt};

const FRAMES: u32 = 100;

/// xorshift64* (Vigna): never changes with a version of a crate.
fn numbers(mut x: u64) -> impl Iterator<Item = u64> {
    core::iter::repeat_with(move || {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

fn sweep(pages: u32, rounds: usize) -> Vec<u32> {
    (0..rounds).flat_map(|_| 1..=pages).collect()
}

/// Page k is accessed with a probability in proportion to 1/k.
fn zipf(pages: u32, len: usize) -> Vec<u32> {
    let mut sums = vec![0.0];
    for page in 1..=pages {
        sums.push(sums[page as usize - 1] + 1.0 / f64::from(page));
    }
    let total = sums[pages as usize];
    let draw = |n: u64| (n >> 11) as f64 / (1u64 << 53) as f64 * total;
    numbers(42).take(len).map(|n| sums.partition_point(|&sum| sum <= draw(n)) as u32).collect()
}

/// Skewed accesses, into which a scan of pages that are never seen again breaks now and then.
fn zipf_with_scans() -> Vec<u32> {
    let mut fresh = 1_000_000..;
    let mut trace = vec![];
    for part in zipf(300, 60_000).chunks(3000) {
        trace.extend(part);
        trace.extend(fresh.by_ref().take(300));
    }
    trace
}

fn faults(choice: Choice, trace: &[u32], load_counts: bool) -> usize {
    let machine = Machine { frames: FRAMES, batch: 1, load_counts };
    let accesses = trace.iter().map(|&page| Access { page: PageId(page), write: false });
    replay(&mut AnyPolicy::new(choice, FRAMES).unwrap(), machine, accesses).faults
}

/// The faults of every policy by name, both ways of counting loads in turn.
fn all(trace: &[u32], load_counts: bool) -> [usize; 5] {
    [Choice::Fifo, Choice::Clock, Choice::EnhancedClock, Choice::Sieve, Choice::TwoQueue]
        .map(|choice| faults(choice, trace, load_counts))
}

#[test]
fn no_policy_beats_opt() {
    for trace in [sweep(101, 20), sweep(150, 20), zipf(1000, 20_000), zipf_with_scans()] {
        let best = opt::faults(&trace, FRAMES as usize);
        for load_counts in [false, true] {
            assert!(all(&trace, load_counts).into_iter().all(|faults| faults >= best));
        }
    }
}

/// The case that recency is wrong about: what was used longest ago is needed next.
#[test]
fn a_loop_that_does_not_fit_defeats_all_that_go_by_age_and_opt_keeps_most_of_it() {
    let trace = sweep(150, 50);
    // In the long run OPT faults on (150 - 100) of 149 accesses.
    assert_eq!(opt::faults(&trace, FRAMES as usize), 2600);
    assert_eq!(all(&trace, true), [trace.len(); 5]);
}

#[test]
fn two_queues_keep_most_of_a_loop_that_almost_fits() {
    let trace = sweep(101, 50);
    let [fifo, clock, _, sieve, two_queue] = all(&trace, true);
    assert_eq!([fifo, clock, sieve], [trace.len(); 3]);
    assert!(two_queue < trace.len() / 5, "{two_queue}");
}

#[test]
fn on_skewed_accesses_the_order_is_opt_sieve_two_queue_clock_fifo() {
    for pages in [300, 1000] {
        let trace = zipf(pages, 60_000);
        let [fifo, clock, enhanced, sieve, two_queue] = all(&trace, false);
        let best = opt::faults(&trace, FRAMES as usize);
        assert!(best < sieve && sieve < two_queue && two_queue < clock && clock < fifo);
        assert_eq!(clock, enhanced, "nothing is dirty");
    }
}

/// SIEVE lives on telling new pages from used ones, which a processor's bits do not at first.
#[test]
fn where_loads_count_as_uses_two_queue_is_better_than_sieve_and_both_are_better_than_clock() {
    for trace in [zipf(300, 60_000), zipf(1000, 60_000), zipf_with_scans()] {
        let [fifo, clock, _, sieve, two_queue] = all(&trace, true);
        assert!(two_queue < sieve && sieve < clock && clock < fifo);
    }
}

#[test]
fn a_scan_through_a_working_set_costs_two_queue_and_sieve_less_than_clock() {
    let (alone, with_scans) = (zipf(300, 60_000), zipf_with_scans());
    let scanned = with_scans.len() - alone.len();
    // Beyond the faults of the scan itself: pages of the working set that have to be loaded again.
    let extra = |choice| faults(choice, &with_scans, false) - faults(choice, &alone, false) - scanned;
    assert!(extra(Choice::TwoQueue) < extra(Choice::Clock));
    assert!(extra(Choice::Sieve) < extra(Choice::Clock));
}

/// A process sweeps twice the memory again and again, another uses one page in every tick of the clock; the evictor keeps its
/// watermarks in batches, and rests until the next tick when a round was in vain. How often the hot page was evicted.
fn hot_page_evicted(choice: Choice, batch: usize) -> usize {
    const HOT: u32 = 0;
    let marks = Watermarks::for_frames(FRAMES);
    let mut policy = AnyPolicy::new(choice, FRAMES).unwrap();
    let mut page_of = vec![None; FRAMES as usize];
    let mut accessed = vec![false; FRAMES as usize];
    let mut free: Vec<u32> = (0..FRAMES).collect();
    let (mut mode, mut evicted, mut next) = (Mode::Idle, 0, 0);
    let mut trace = sweep(2 * FRAMES, 10).into_iter().peekable();
    while trace.peek().is_some() {
        // A tick: the hot page is used, then as many of the sweep as there are frames for, and at most 20.
        let sweeps =
            core::iter::from_fn(|| trace.next_if(|_| true)).take(20.min(free.len().saturating_sub(1)));
        for page in core::iter::once(HOT).chain(sweeps.collect::<Vec<_>>()) {
            let frame = page_of.iter().position(|&p| p == Some(page)).unwrap_or_else(|| {
                let frame = free.pop().expect("watermarks") as usize;
                page_of[frame] = Some(page);
                next += 1;
                policy.insert(FrameIndex(frame as u32), PageId(next));
                frame
            });
            accessed[frame] = true;
        }
        policy.tick();
        let mut round = 0;
        loop {
            let control = marks.control(free.len() as u32, 0, mode);
            mode = control.mode;
            if control.want == 0 || round >= policy.len() {
                break;
            }
            let mut candidates = Batch::new(batch);
            policy.candidates(&mut candidates);
            for candidate in candidates.as_slice() {
                round += 1;
                let at = candidate.frame.0 as usize;
                let used = core::mem::take(&mut accessed[at]);
                let sample = if used { Sample::Used } else { Sample::Unused { must_write: false } };
                if policy.judge(*candidate, sample) == Verdict::Evict {
                    evicted += usize::from(page_of[at].take() == Some(HOT));
                    free.push(at as u32);
                    round = 0;
                }
            }
        }
    }
    evicted
}

#[test]
fn a_hot_page_in_a_sweep_of_twice_the_memory_survives_under_every_policy_but_fifo() {
    for &choice in Choice::ALL {
        for batch in [1, 8, 32] {
            let evicted = hot_page_evicted(choice, batch);
            assert_eq!(evicted > 10, choice == Choice::Fifo, "{choice} with batches of {batch}: {evicted}");
            assert_eq!(evicted == 0, choice != Choice::Fifo, "{choice} with batches of {batch}: {evicted}");
        }
    }
}

#[test]
fn a_hot_page_that_is_judged_too_early_or_without_its_accessed_bit_is_noticed() {
    let evicted =
        |mutant, choice| with_mutant(mutant, || [1, 8, 32].map(|batch| hot_page_evicted(choice, batch)));
    assert!(evicted("no_second_chance", Choice::Clock).iter().all(|&n| n > 0));
    for choice in [Choice::Clock, Choice::EnhancedClock, Choice::Sieve, Choice::TwoQueue] {
        assert!(evicted("judged_too_early", choice).iter().any(|&n| n > 0), "{choice}");
    }
}

/// What `cargo test -p fl-reclaim -- --nocapture` shows of it is a table for those who choose a policy.
#[test]
fn enhanced_clock_writes_least() {
    println!("faults / writes of {FRAMES} frames, every fifth page is stored to:");
    let trace = zipf(1000, 60_000);
    let mut writes = vec![];
    for &choice in Choice::ALL {
        let machine = Machine { frames: FRAMES, batch: 8, load_counts: true };
        let accesses = trace.iter().map(|&page| Access { page: PageId(page), write: page % 5 == 0 });
        let found = replay(&mut AnyPolicy::new(choice, FRAMES).unwrap(), machine, accesses);
        println!("{choice:>9}: {} / {}", found.faults, found.writes);
        writes.push((found.writes, choice));
    }
    assert_eq!(writes.into_iter().min_by_key(|&(writes, _)| writes).unwrap().1, Choice::EnhancedClock);
}
