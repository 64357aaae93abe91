//! Runs that count instructions repeat to the byte.

use crate::Test;
use qemu_tests::{guest, run_in_order};
use std::fs;
use xtask::run::Run;

pub const TESTS: &[Test] = &[
    ("two_runs_under_icount_give_byte_identical_traces", programs_repeat),
    ("two_runs_under_icount_that_change_many_files_are_identical", files_repeat),
];

fn programs_repeat() {
    two_runs_are_identical(guest(&["hello", "touch-zero 100", "stack", "bad-read"]));
}

fn files_repeat() {
    two_runs_are_identical(guest(&["hello"]).kernel_arg("selftest", "volume"));
}

fn two_runs_are_identical(run: Run) {
    let trace = || {
        let mut exact = run.clone();
        exact.icount = true;
        let ran = run_in_order(exact);
        (fs::read(ran.outcome.trace()).expect("the trace is readable"), ran.outcome.console)
    };
    let (first, second) = (trace(), trace());
    assert!(first.0 == second.0, "the traces differ ({} and {} bytes)", first.0.len(), second.0.len());
    assert_eq!(first.1, second.1, "the consoles differ");
}
