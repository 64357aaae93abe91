//! Samples of accessed bits, and disks that fail on request.

use crate::Test;
use fl_trace::event::Event;
use qemu_tests::{guest, in_memory, run_in_order, tail};

pub const TESTS: &[Test] = &[
    ("samples_tell_used_pages_from_idle_ones_and_change_nothing", samples_tell),
    ("the_same_requests_to_a_disk_fail_again_with_the_same_seed", the_same_requests_fail),
];

fn samples_tell() {
    // A sweep with time to think: what it has left behind it is idle until it comes round.
    let command = "pressure-sweep 100 2 5000000";
    let mut run = in_memory(&[command]).kernel_arg("trace", "+access");
    (run.user_frames, run.kernel_frames, run.swap_pages) = (Some(160), Some(2000), Some(256));
    let ran = run_in_order(run);
    assert!(ran.output_of(command).ends_with("pressure-sweep: exit(0)\n"), "{}", tail(&ran.outcome));
    let samples = || {
        ran.trace.events().iter().filter_map(|seen| match seen.event {
            Event::AccessSample(sample) => Some(sample),
            _ => None,
        })
    };
    let (used, idle) = (samples().filter(|s| s.accessed).count(), samples().filter(|s| !s.accessed).count());
    assert!(used > 50 && idle > 50, "{used} used, {idle} idle");
    assert!(samples().any(|s| s.dirty) && samples().any(|s| !s.dirty), "pages of the program file are clean");
}

fn the_same_requests_fail() {
    let summary = |seed: &str| {
        let mut run = guest(&["pressure-file 40 1 1 2", "hello"]).kernel_arg("fault", "read:volume:0.02");
        run.icount = true; // what is asked of a disk, and when, depends on the time that things take
        let outcome = run.kernel_arg("seed", seed).start().unwrap_or_else(|e| panic!("{e}"));
        let line = outcome.console.lines().find(|line| line.starts_with("Faults injected: "));
        line.unwrap_or_else(|| panic!("{}", tail(&outcome))).to_owned()
    };
    let first = summary("5");
    assert!(first.contains(" reads, 0 of "), "{first}");
    assert_eq!(first, summary("5"));
}
