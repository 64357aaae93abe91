//! Runs that count instructions repeat to the byte.

use crate::Test;
use qemu_tests::{guest, run_in_order};
use std::fs;

pub const TESTS: &[Test] = &[("two_runs_under_icount_give_byte_identical_traces", two_runs_are_identical)];

fn two_runs_are_identical() {
    let trace = || {
        let mut exact = guest(&["hello", "touch-zero 100", "stack", "bad-read"]);
        exact.icount = true;
        let ran = run_in_order(exact);
        (fs::read(ran.outcome.trace()).expect("the trace is readable"), ran.outcome.console)
    };
    let (first, second) = (trace(), trace());
    assert!(first.0 == second.0, "the traces differ ({} and {} bytes)", first.0.len(), second.0.len());
    assert_eq!(first.1, second.1, "the consoles differ");
}
