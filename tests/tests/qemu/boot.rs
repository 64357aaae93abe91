//! The kernel boots on every machine it claims, and says in one line why it cannot where it cannot.

use crate::Test;
use qemu_tests::{guest, guest_on, run, run_in_order, tail, without_timing};
use xtask::qemu::{Chipset, Ports};
use xtask::run::End;

pub const TESTS: &[Test] = &[
    ("boots_on_pc_and_q35_with_every_processor", boots_on_pc_and_q35_with_every_processor),
    ("boots_with_little_and_with_much_memory", boots_with_little_and_with_much_memory),
    ("a_run_without_programs_powers_off", a_run_without_programs_powers_off),
    ("without_a_second_port_programs_run_and_nothing_is_traced", without_a_second_port),
    ("without_a_console_programs_run_and_are_traced", without_a_console),
    ("one_port_carries_console_and_trace", one_port_carries_both),
    ("a_kernel_option_that_does_not_exist_is_refused_in_one_line", unknown_option),
    ("budgets_beyond_the_memory_are_refused_in_one_line", too_large_budget),
    ("log_lines_and_the_hello_reach_the_host", log_lines_and_the_hello_reach_the_host),
];

const PROGRAMS: [&str; 3] = ["hello", "touch-zero 40", "bad-read"];

fn boots_on_pc_and_q35_with_every_processor() {
    for chipset in [Chipset::Pc, Chipset::Q35] {
        for cpu in ["max", "qemu64"] {
            let mut guest = guest(&PROGRAMS);
            guest.chipset = chipset;
            guest.cpu = cpu.to_owned();
            let ran = run_in_order(guest);
            assert_eq!(ran.output_of("bad-read"), "bad-read: exit(-1)\n", "{chipset:?} {cpu}");
        }
    }
}

fn boots_with_little_and_with_much_memory() {
    for mem_mib in [32, 4096] {
        let mut guest = guest(&PROGRAMS);
        guest.mem_mib = mem_mib;
        run_in_order(guest);
    }
}

fn a_run_without_programs_powers_off() {
    let ran = run_in_order(guest(&[]));
    assert!(!ran.outcome.console.contains("Executing"), "{}", tail(&ran.outcome));
}

fn without_a_second_port() {
    let guest = guest_on(Ports::OnlyConsole, &PROGRAMS);
    let outcome = guest.start().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((&outcome.end, outcome.status()), (&End::PoweredOff, 0), "{}", tail(&outcome));
    assert!(outcome.console.contains("\nLeaks: none ("), "{}", tail(&outcome));
    assert_eq!(std::fs::metadata(outcome.trace()).map(|m| m.len()).ok(), Some(0));
}

fn without_a_console() {
    let ran = run(guest_on(Ports::OnlyTrace, &PROGRAMS));
    assert_eq!((&ran.outcome.end, ran.outcome.console.as_str()), (&End::PoweredOff, ""));
    assert!(ran.trace.loss().is_complete(), "{:?}", ran.trace.loss());
    assert!(ran.trace.faults_of(ran.pid_of("touch-zero")).count() > 40);
}

/// Nothing tells the kernel that there is no COM2: it looks.
fn one_port_carries_both() {
    let two = run_in_order(guest_on(Ports::Both, &PROGRAMS)).outcome.console;
    let ran = run_in_order(guest_on(Ports::Shared, &PROGRAMS).kernel_arg("baud", "57600"));
    assert_eq!(without_timing(&ran.outcome.console), without_timing(&two));
    assert!(ran.trace.faults_of(ran.pid_of("touch-zero")).count() > 40);
    run_in_order(guest_on(Ports::Shared, &["hello"]).kernel_arg("serial", "mux"));
}

/// Ends a guest that cannot start: exit status, and the one line.
pub fn refused(guest: xtask::run::Run, words: &[&str]) {
    let outcome = guest.start().unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(outcome.status(), 0, "{}", tail(&outcome));
    assert!(!outcome.console.contains("PANIC"), "a user's mistake panicked the kernel\n{}", tail(&outcome));
    let line = outcome.console.lines().find(|l| l.starts_with("Faultline cannot start: "));
    let line = line.unwrap_or_else(|| panic!("no reason given\n{}", tail(&outcome)));
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
}

fn unknown_option() {
    refused(guest(&["hello"]).kernel_arg("colour", "blue"), &["colour", "user_frames"]);
    refused(guest(&["hello"]).kernel_arg("panic", "nowhere"), &["panic=nowhere"]);
    refused(guest(&["hello"]).kernel_arg("selftest", "nothing"), &["selftest=nothing"]);
    refused(guest(&["hello"]).kernel_arg("serial", "three"), &["serial=three"]);
    refused(guest(&["hello"]).kernel_arg("baud", "1000"), &["baud=1000"]);
    refused(guest_on(Ports::Shared, &["hello"]).kernel_arg("colour", "blue"), &["colour"]);
    // Said before the kernel knows that console and trace share the port.
    refused(guest_on(Ports::Shared, &["hello"]).kernel_arg("baud", "0"), &["baud=0"]);
}

fn too_large_budget() {
    let mut greedy = guest(&["hello"]);
    greedy.user_frames = Some(10_000_000);
    refused(greedy, &["user_frames", "--mem"]);
}

fn log_lines_and_the_hello_reach_the_host() {
    let ran = run_in_order(guest(&["hello"]));
    let hello = ran.trace.hello().expect("a hello");
    assert_eq!(hello.fingerprint, fl_trace::schema_fingerprint());
    assert_ne!(hello.build_id, [0; 20], "the kernel has a build id");
    assert!(hello.tsc_hz > 100_000_000, "calibrated to {} Hz", hello.tsc_hz);
    assert!(ran.trace.logs().len() >= 2, "the kernel logs its clock and its processor's features");
}
