//! Several processors: all of them run programs, threads go from one to another, and whatever happens the trace adds up.

use crate::Test;
use fl_trace::control::Bye;
use qemu_tests::{Ran, guest, in_memory, run, run_in_order, tail};
use std::collections::BTreeSet;
use xtask::run::{End, Run};

pub const TESTS: &[Test] = &[
    ("two_processors_run_what_one_runs", || same_output(2)),
    ("eight_processors_run_what_one_runs", || same_output(8)),
    ("processes_spread_over_all_processors", processes_spread),
    ("processors_drop_the_translations_of_dead_kernel_stacks", stacks_are_used_again),
    ("registers_of_programs_survive_going_to_other_processors", registers_survive),
    ("random_system_calls_on_four_processors_leak_nothing", random_calls),
    ("eight_processors_find_the_last_of_forty_frames_as_one_does", the_last_frames),
    ("a_panic_stops_the_other_processors", a_panic_stops_the_others),
    ("spin_locks_and_flushes_used_wrongly_are_a_panic", locks_are_watched),
];

fn on(processors: u32, mut guest: Run) -> Run {
    guest.smp = processors;
    guest
}

/// The processors that recorded an event, by number.
fn busy(ran: &Ran) -> BTreeSet<u8> {
    ran.trace.events().iter().map(|seen| seen.cpu.0).collect()
}

fn same_output(processors: u32) {
    const PROGRAMS: [&str; 4] = ["hello", "touch-zero 200", "cow-tree", "fork-tree"];
    let ran = run_in_order(on(processors, in_memory(&PROGRAMS)));
    let one = run_in_order(in_memory(&PROGRAMS));
    assert_eq!(ran.trace.hello().map(|hello| hello.cpus), Some(processors as u8));
    for program in PROGRAMS {
        let lines = |ran: &Ran| {
            let mut lines: Vec<String> = ran.output_of(program).lines().map(str::to_owned).collect();
            lines.sort(); // processes side by side end in any order
            lines
        };
        assert_eq!(lines(&ran), lines(&one), "{}", tail(&ran.outcome));
    }
}

fn processes_spread() {
    let ran = run_in_order(on(4, in_memory(&["fork-tree", "cow-tree", "fuzz-syscalls 1 2000 8"])));
    assert_eq!(busy(&ran), BTreeSet::from([0, 1, 2, 3]), "{}", tail(&ran.outcome));
}

/// More threads, one after the other, than there are places for their stacks.
fn stacks_are_used_again() {
    let ran = run_in_order(on(4, in_memory(&["fork-many 2500"])));
    assert!(ran.output_of("fork-many 2500").contains("all that were wanted"), "{}", tail(&ran.outcome));
}

/// Programs that want a frame more each, up to more than there are. Where memory suffices on one processor it does on eight: no frame is stranded in
/// another's cache, or overlooked while idle zeroes it. All come back, or the leak line would say so.
fn the_last_frames() {
    const FRAMES: u32 = 40;
    let programs: Vec<String> = (FRAMES / 2..=FRAMES).map(|pages| format!("touch-zero {pages}")).collect();
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    let few = |processors| {
        let mut guest = in_memory(&programs);
        guest.user_frames = Some(FRAMES);
        run_in_order(on(processors, guest))
    };
    let (one, eight) = (few(1), few(8));
    let ended = |ran: &Ran| {
        programs.iter().map(|program| ran.output_of(program).ends_with("exit(0)\n")).collect::<Vec<_>>()
    };
    assert!(ended(&one).contains(&true) && ended(&one).contains(&false), "{}", tail(&one.outcome));
    assert_eq!(ended(&eight), ended(&one), "{}", tail(&eight.outcome));
}

fn registers_survive() {
    run_in_order(on(4, in_memory(&["fork-fp", "fork-regs", "fp", "fork-fp"])));
}

fn random_calls() {
    run_in_order(on(4, in_memory(&["fuzz-syscalls 7 20000 8"])));
}

fn locks_are_watched() {
    let wrong = [
        ("lock-order", "a page lock is wanted by one who holds a swap-map lock: out of order"),
        ("lock-twice", "a page lock is wanted by one who holds a page lock: out of order"),
        ("locked-sleep", "a thread sleeps that holds a page lock"),
        ("deaf-flush", "a flush waits for other processors, which may wait for this one"),
    ];
    for (test, message) in wrong {
        let ran = run(on(2, guest(&["hello"]).kernel_arg("selftest", test)));
        assert_eq!(ran.outcome.end, End::Panicked, "{}", tail(&ran.outcome));
        assert!(ran.outcome.console.contains(message), "{}", tail(&ran.outcome));
    }
}

fn a_panic_stops_the_others() {
    for (point, message) in
        [("irq", "injected at Irq"), ("emit", "injected at Emit"), ("pagelock", "injected at PageLock")]
    {
        let ran = run(on(4, guest(&["fork-tree", "touch-zero 30"]).kernel_arg("panic", point)));
        let tail = tail(&ran.outcome);
        assert_eq!(ran.outcome.end, End::Panicked, "{tail}");
        assert!(ran.outcome.console.contains(&format!("KERNEL PANIC: {message}")), "{tail}");
        assert_eq!(ran.outcome.console.matches("KERNEL PANIC").count(), 1, "{tail}");
        assert!(!ran.outcome.console.contains("while panicking"), "{tail}");
        assert_eq!(ran.trace.bye(), Some(Bye::Panic), "{tail}");
    }
}
