//! Several processes on a small machine against a reference: whatever they do, each sees what it must, and nothing leaks.
#![cfg(not(loom))]

mod world;

use proptest::prelude::*;
use world::{Limits, Op, numbers, run};

fn ops(seed: u64, n: usize, evict: bool) -> impl Iterator<Item = Op> {
    numbers(seed).take(n).map(move |bits| Op::from_bits(bits, evict))
}

#[test]
fn a_million_random_operations_without_a_difference() {
    let seen = run(Limits::PLENTY, ops(1, 1_000_000, false)).unwrap();
    assert!(seen.reuses > 1000 && seen.copies > 1000 && seen.file_writes > 1000, "{seen:?}");
}

#[test]
fn under_pressure_without_a_difference() {
    let limits = Limits { frames: 9, slots: 20, io_errors: 10 };
    let seen = run(limits, ops(2, 1_000_000, true)).unwrap();
    println!("{seen:?}");
    let often =
        [seen.reuses, seen.copies, seen.file_writes, seen.swap_writes, seen.swap_reads, seen.clean_drops];
    assert!(often.into_iter().all(|n| n > 1000), "{seen:?}");
    assert!(
        [seen.kept, seen.rescued, seen.write_errors, seen.no_memory].into_iter().all(|n| n > 100),
        "{seen:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn short_runs_without_a_difference(bits in prop::collection::vec(any::<u64>(), 0..400)) {
        let ops = bits.into_iter().map(|bits| Op::from_bits(bits, false));
        run(Limits::PLENTY, ops).map_err(TestCaseError::fail)?;
    }
}
