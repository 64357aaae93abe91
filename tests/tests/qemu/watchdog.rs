//! The watchdog: a processor that hangs is named, with a backtrace of its own, and one that only has to wait is not.

use crate::Test;
use fl_trace::control::Bye;
use qemu_tests::{guest, in_memory, run, run_in_order, tail};
use xtask::qemu::Chipset;
use xtask::run::{End, Run};

pub const TESTS: &[Test] = &[
    ("the_watchdog_finds_a_processor_that_hangs_with_interrupts_off", || {
        found("hang-cpu1", "watchdog: CPU 1 runs with interrupts off", &["on CPU 1,"]);
    }),
    ("the_watchdog_finds_the_processor_that_watches_when_it_hangs", || {
        found("hang-cpu0", "watchdog: CPU 0 runs with interrupts off", &["on CPU 0,"]);
    }),
    ("the_watchdog_finds_the_only_processor_when_it_hangs", || {
        for chipset in [Chipset::Pc, Chipset::Q35] {
            let mut guest = guest(&["hello"]);
            guest.chipset = chipset;
            let message = "watchdog: CPU 0 runs with interrupts off and has not ticked in 5 beats";
            found_among(1, guest, "hang-cpu0", message, &["on CPU 0,"]);
        }
    }),
    ("the_watchdog_names_the_holder_of_a_lock_for_which_others_spin", || {
        found(
            "hang-locked",
            "runs with interrupts off",
            &[" holds a page lock\n", " spins for a page lock\n"],
        );
    }),
    ("the_watchdog_finds_a_thread_that_never_leaves_the_kernel", || {
        found("hang-thread", " was in one thread in the kernel for ", &["kernel thread \"init\""]);
    }),
    ("the_watchdog_leaves_alone_who_waits_on_a_busy_host", busy_host),
    ("the_watchdog_leaves_alone_who_waits_where_instructions_are_counted", counted_instructions),
];

fn watched(processors: u32, ms: u32, mut guest: Run) -> Run {
    guest.smp = processors;
    guest.kernel_arg("watchdog", &ms.to_string())
}

fn found(test: &str, message: &str, further: &[&str]) {
    found_among(4, guest(&["hello"]), test, message, further);
}

fn found_among(processors: u32, guest: Run, test: &str, message: &str, further: &[&str]) {
    let ran = run(watched(processors, 100, guest.kernel_arg("selftest", test)));
    let (console, tail) = (&ran.outcome.console, tail(&ran.outcome));
    assert_eq!(ran.outcome.end, End::Panicked, "{tail}");
    let told = console.split("KERNEL PANIC: ").nth(1).unwrap_or_default();
    assert!(told.lines().next().is_some_and(|line| line.contains(message)), "{message}\n{tail}");
    further.iter().for_each(|text| assert!(told.contains(text), "{text}\n{tail}"));
    let backtrace = told.split("backtrace:\n").nth(1).and_then(|text| text.split("last events").next());
    assert!(backtrace.is_some_and(|text| text.contains("ktest::hang::hangs_here")), "{tail}");
    assert_eq!(ran.trace.bye(), Some(Bye::Panic), "{tail}");
}

/// More processors than any host of ours has, each of them busy, and little patience.
fn busy_host() {
    run_in_order(watched(8, 400, in_memory(&["fork-tree", "fuzz-syscalls 3 4000 8", "cow-tree"])));
}

fn counted_instructions() {
    let mut guest = watched(4, 100, in_memory(&["fork-tree", "fuzz-syscalls 3 4000 8"]));
    guest.icount = true;
    run_in_order(guest);
}
