//! Runs under every policy, random ones that shrink, and the mutants that they must catch.

use fl_model::with_mutant;
use fl_sim::{Choice, Config, Op, Seen, Twin, programs, run};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many times as many runs as usual: `FL_SIM_EFFORT`.
fn effort() -> u32 {
    std::env::var("FL_SIM_EFFORT").map_or(1, |text| text.parse().expect("FL_SIM_EFFORT is a number"))
}

fn config(seed: u64, frames: u32, slots: u32) -> Config {
    let policy = Choice::ALL[seed as usize % Choice::ALL.len()];
    Config { seed, frames, slots, policy, io_errors: 0, twin: Twin::Right, limit: 10_000_000 }
}

#[test]
fn memory_for_a_tenth_of_what_is_used_is_enough_under_every_policy() {
    for (n, &policy) in Choice::ALL.iter().enumerate() {
        for round in 0..3 * effort() {
            let seed = n as u64 + 1000 * u64::from(round);
            let config = Config { policy, ..config(seed, 20, 400) };
            let seen = run(config, programs(seed, 8, 2500));
            println!("{policy}: {seen:?}");
            assert_eq!(seen.out_of_memory, 0);
            let often = [seen.swap_writes, seen.swap_reads, seen.clean_evictions, seen.write_backs];
            assert!(often.into_iter().all(|n| n > 100), "{seen:?}");
            let sometimes = [seen.copies, seen.reuses, seen.kept, seen.rescued];
            assert!(sometimes.into_iter().all(|n| n > 5), "{seen:?}");
        }
    }
}

#[test]
fn a_small_swap_area_ends_some_processes_and_hurts_no_other() {
    let mut total = Seen::default();
    for seed in 0..20 {
        let seen = run(config(seed, 16, 24), programs(seed, 6, 500));
        total.out_of_memory += seen.out_of_memory;
        total.slots_reclaimed += seen.slots_reclaimed;
    }
    assert!(total.out_of_memory > 5 && total.slots_reclaimed > 100, "{total:?}");
}

#[test]
fn errors_of_the_disk_end_those_that_needed_it_and_hurt_no_other() {
    let mut errors = 0;
    for seed in 0..20 {
        let config = Config { io_errors: 200, ..config(seed, 20, 200) };
        errors += run(config, programs(seed, 8, 1000)).io_errors;
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn memory_to_spare_is_read_ahead_into() {
    let mut ahead = 0;
    for seed in 0..10 {
        ahead += run(config(seed, 64, 400), programs(seed, 8, 2000)).read_ahead;
    }
    assert!(ahead > 50, "{ahead}");
}

#[test]
fn a_run_can_be_repeated() {
    let once = || format!("{:?}", run(config(5, 20, 100), programs(5, 6, 500)));
    assert_eq!(once(), once());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150 * effort()))]

    #[test]
    fn any_programs_in_any_order_without_a_difference(
        seed: u64,
        frames in 12u32..40,
        slots in 0u32..100,
        errors in prop::option::of(5u64..50),
        bits in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..150), 1..8),
    ) {
        let programs = bits.into_iter().map(|program| program.into_iter().map(Op::from_bits).collect()).collect();
        run(Config { io_errors: errors.unwrap_or(0), ..config(seed, frames, slots) }, programs);
    }
}

/// What the first run that fails says, of a good many.
fn complaint(twin: Twin, runs: u32) -> Option<String> {
    (0..u64::from(runs)).find_map(|seed| {
        // Much swapping, without errors and with; little swap; hardly any swapping, so that processes live to see errors of files.
        let [frames, slots, errors] =
            [[20, 200, 0], [20, 200, 100], [20, 30, 0], [80, 200, 15]][seed as usize % 4];
        let config = Config { twin, io_errors: errors.into(), limit: 100_000, ..config(seed, frames, slots) };
        let failure = catch_unwind(AssertUnwindSafe(|| run(config, programs(seed, 8, 400)))).err()?;
        let literal = failure.downcast_ref::<&str>().copied();
        Some(failure.downcast_ref::<String>().map_or(literal.unwrap_or(""), String::as_str).to_string())
    })
}

/// The twin is noticed, and by one of these.
fn noticed(twin: Twin, what: &[&str]) {
    let text = complaint(twin, 100).unwrap_or_else(|| panic!("{twin:?} went unnoticed"));
    assert!(what.iter().any(|what| text.contains(what)), "{twin:?}: {text}");
}

fn mutant_noticed(mutant: &'static str) {
    let text = with_mutant(mutant, || complaint(Twin::Right, 100));
    println!("{mutant}: {}", text.unwrap_or_else(|| panic!("{mutant} went unnoticed")));
}

#[test]
fn what_is_right_has_no_complaint() {
    assert_eq!(complaint(Twin::Right, 100 * effort()), None);
}

#[test]
fn a_frame_that_is_freed_before_all_processors_have_acknowledged_is_noticed() {
    noticed(Twin::FreeBeforeAck, &["is cached", "stored to while it was written out"]);
}

#[test]
fn a_dirty_bit_that_is_read_too_early_is_noticed() {
    noticed(Twin::EarlyDirtyBit, &["reads page"]);
}

#[test]
fn a_lost_wake_up_is_noticed() {
    noticed(Twin::LostWakeUp, &["everybody sleeps"]);
}

#[test]
fn a_leaked_frame_is_noticed() {
    noticed(Twin::LeakedFrame, &["frames are leaked"]);
    mutant_noticed("leaked_frame");
    mutant_noticed("leaked_slot");
}

#[test]
fn a_fork_that_does_not_protect_or_flush_is_noticed() {
    noticed(Twin::NoForkFlush, &["reads page"]);
    mutant_noticed("missing_write_protect");
    mutant_noticed("reuse_while_shared");
}

/// Many processes that are forked and store to what they share, with room for copies now and then.
fn forks(seed: u64, twin: Twin) -> Seen {
    let policy = [Choice::Fifo, Choice::Sieve][seed as usize % 2];
    run(Config { policy, twin, ..config(seed, 60, 800) }, programs(seed, 40, 100))
}

#[test]
fn a_store_that_breaks_sharing_at_once_is_told_before_its_page_moves_on() {
    let seen: Vec<_> = (0..20).map(|seed| forks(seed, Twin::Right)).collect();
    let total = |count: fn(&Seen) -> u64| seen.iter().map(count).sum::<u64>();
    let (copies, reuses) = (total(|seen| seen.copies_at_once), total(|seen| seen.reuses_at_once));
    assert!(copies > 200 && reuses > 50, "{copies} copies and {reuses} reuses");
    let late = (0..20).find_map(|seed| catch_unwind(AssertUnwindSafe(|| forks(seed, Twin::ToldLate))).err());
    let text = late.expect("the twin went unnoticed").downcast::<String>().expect("an assertion's text");
    assert!(text.contains("is told late"), "{text}");
}

#[test]
fn a_slot_that_is_read_before_it_is_written_is_noticed() {
    noticed(Twin::WrittenTooEarly, &["holds nothing", "stored to while it was written out"]);
}

#[test]
fn a_slot_that_is_given_out_twice_is_noticed() {
    mutant_noticed("double_slot");
}

#[test]
fn a_page_that_is_not_written_is_noticed() {
    mutant_noticed("skipped_writeback");
    mutant_noticed("slot_taken_from_clean_page");
    mutant_noticed("unwritten_page_dropped");
}

#[test]
fn a_dropped_dirty_bit_is_noticed() {
    mutant_noticed("lost_dirty");
    mutant_noticed("lost_dirty_of_sharer");
    mutant_noticed("noted_dirty_ignored");
    mutant_noticed("kernel_store_not_dirty");
}

#[test]
fn a_frame_with_two_owners_is_noticed() {
    mutant_noticed("double_free");
    mutant_noticed("pinned_evicted");
}

#[test]
fn a_pin_with_no_owner_is_noticed() {
    mutant_noticed("promise_not_kept");
}
