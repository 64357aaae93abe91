//! The benchmark measures, and its numbers repeat.

use crate::Test;
use qemu_tests::artifacts;
use xtask::bench::{Group, run};

pub const TESTS: &[Test] = &[("two_benchmarks_of_one_build_give_the_same_numbers", numbers_repeat)];

fn numbers_repeat() {
    let artifacts = artifacts().expect("a test that runs has artefacts");
    let groups = [Group::Syscall, Group::Vm, Group::Trace];
    let measure = || run(artifacts.clone(), &groups).unwrap_or_else(|e| panic!("{e}"));
    let (first, second) = (measure(), measure());
    let json = first.json();
    let rows = json["rows"].as_array().expect("rows");
    let measured = rows.iter().filter(|row| row["median"].as_f64().is_some_and(|median| median > 0.0));
    assert!(measured.count() >= 7, "rows without a number: {}", first.table());
    assert_eq!(first, second);
}
