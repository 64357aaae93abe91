//! A kernel panic, wherever it strikes: message, backtrace with symbols, last events, flushed trace, failing status.

use crate::Test;
use fl_trace::control::Bye;
use qemu_tests::{Ran, guest, guest_on, run, tail};
use xtask::qemu::Ports;
use xtask::run::{End, Run};

pub const TESTS: &[Test] = &[
    ("a_panic_in_an_interrupt_is_told", || injected("irq", "injected at Irq", "trap_entry")),
    ("a_panic_while_an_event_is_recorded_is_told", || injected("emit", "injected at Emit", "faultline::")),
    ("a_panic_in_the_drain_is_told_and_its_packet_is_sent_again", panic_in_the_drain),
    ("a_panic_right_behind_a_packet_loses_nothing", || {
        injected("sent", "injected at Sent", "trace::drain::run")
    }),
    ("a_panic_under_a_page_lock_is_told", || injected("pagelock", "injected at PageLock", "faultline::vm::")),
    ("a_panic_in_a_thread_is_told", || injected("thread", "injected at Thread", "init::run")),
    ("a_panic_is_told_where_the_trace_has_a_port", || on(Ports::Both)),
    ("a_panic_is_told_where_one_port_carries_all", || on(Ports::Shared)),
    ("a_kernel_stack_overflow_is_told_as_one", || injected("stack", "kernel stack overflow", "overflow")),
];

const PROGRAMS: [&str; 2] = ["hello", "touch-zero 30"];

/// Boots a kernel that panics at `point`, and asserts what every panic must leave behind.
fn panicking(point: &str, message: &str, symbol: &str) -> Ran {
    told(guest(&PROGRAMS), point, message, symbol)
}

fn told(guest: Run, point: &str, message: &str, symbol: &str) -> Ran {
    let ran = run(guest.kernel_arg("panic", point));
    let console = &ran.outcome.console;
    let tail = tail(&ran.outcome);
    assert_eq!(ran.outcome.end, End::Panicked, "{tail}");
    assert_eq!(ran.outcome.status(), 1);
    assert!(console.contains(&format!("KERNEL PANIC: {message}")), "{tail}");
    let backtrace = console.split("backtrace:\n").nth(1).and_then(|t| t.split("last events").next());
    assert!(backtrace.is_some_and(|b| b.contains(symbol)), "{symbol} is not in the backtrace\n{tail}");
    assert!(!console.contains("while panicking"), "{tail}");
    assert_eq!(ran.trace.bye(), Some(Bye::Panic), "the trace ends with the panic's goodbye\n{tail}");
    assert!(ran.trace.hello().is_some(), "{tail}");
    ran
}

fn injected(point: &str, message: &str, symbol: &str) {
    panicking(point, message, symbol);
}

fn on(ports: Ports) {
    let guest = || guest_on(ports, &PROGRAMS);
    told(guest(), "pagelock", "injected at PageLock", "faultline::vm::");
    told(guest(), "drain", "injected at Drain", "Pump::events");
    told(guest(), "stack", "kernel stack overflow", "overflow");
}

fn panic_in_the_drain() {
    let ran = panicking("drain", "injected at Drain", "Pump::events");
    // The packet being made when the panic struck had not left its ring: everything shown as last is in the trace.
    let lines = ran.outcome.console.lines();
    let shown =
        lines.filter_map(|l| l.trim_start().strip_prefix("cpu 0 tsc ")?.split(' ').next()?.parse().ok());
    let shown: Vec<u64> = shown.collect();
    assert!(!shown.is_empty(), "{}", tail(&ran.outcome));
    for tsc in shown {
        assert!(ran.trace.events().iter().any(|e| e.tsc == tsc), "{tsc} is missing\n{}", tail(&ran.outcome));
    }
}
