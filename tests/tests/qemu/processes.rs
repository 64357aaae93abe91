//! Processes: fork, exec, wait, their ends and their limits, floating-point state, and what they read from the console.

use crate::Test;
use fl_trace::event::{Event, ExitCause, Outcome};
use qemu_tests::{Ran, assert_ends_with, in_memory, run_in_order, tail};
use std::fs;
use xtask::run::{Run, Stdin};

pub const TESTS: &[Test] = &[
    ("a_forked_child_has_memory_and_registers_like_its_parent_and_of_its_own", forked_children_are_copies),
    ("floating_point_state_is_forked_and_kept_apart", floating_point_state_is_forked),
    ("floating_point_state_is_kept_without_xsave", floating_point_state_without_xsave),
    ("exec_runs_a_fresh_program_in_the_same_process", exec_runs_a_fresh_program),
    ("exec_of_what_cannot_be_run_ends_the_process_with_pintos_words", a_bad_exec_ends_the_process),
    ("every_child_is_waited_for_once", every_child_is_waited_for_once),
    ("orphans_and_children_nobody_waits_for_leave_nothing_behind", orphans_leave_nothing_behind),
    ("every_exception_ends_its_process_with_minus_one", every_exception_ends_its_process),
    ("halt_ends_all_processes_silently", halt_ends_all_processes),
    ("interrupts_look_at_pages_without_touching_them", interrupts_look_at_pages),
    ("fork_fails_cleanly_at_each_limit_and_as_late_each_time", fork_fails_cleanly),
    ("console_input_is_read_by_lines", console_input_is_read_by_lines),
];

fn count(ran: &Ran, wanted: fn(&Event) -> bool) -> usize {
    ran.trace.events().iter().filter(|seen| wanted(&seen.event)).count()
}

fn forked_children_are_copies() {
    let ran = run_in_order(in_memory(&["fork-regs", "fork-tree"]));
    assert_ends_with(
        &ran,
        "fork-regs",
        "fork-regs: parent and child have all registers\nfork-regs: exit(0)\n",
    );
    assert!(
        ran.output_of("fork-regs").starts_with("fork-regs-child: exit(43)\n"),
        "the child's name, before the wait"
    );
    assert_ends_with(&ran, "fork-tree", "31 processes, each with memory of its own\nfork-tree: exit(0)\n");
    assert_eq!(count(&ran, |e| matches!(e, Event::ProcessFork(_))), 31);
    assert_eq!(count(&ran, |e| matches!(e, Event::ProcessWait(_))), 31);
    let copied = count(&ran, |e| matches!(e, Event::PageCopy(_)));
    assert!(copied >= 31, "each child stores to what it shares with its parent, {copied} copies in all");
    let outcomes = |wanted| move |e: &Event| matches!(e, Event::Fault(f) if f.outcome == wanted);
    let of = |wanted| ran.trace.events().iter().filter(|seen| outcomes(wanted)(&seen.event)).count();
    assert_eq!(of(Outcome::Copied), copied, "each copy is made by a fault");
    assert!(of(Outcome::Reused) > 0, "who is left alone with a page keeps it");
}

fn floating_point_state_is_forked() {
    let ran = run_in_order(in_memory(&["fork-fp", "fp 20000000"]));
    assert_ends_with(&ran, "fork-fp", "4 processes kept their registers, AVX: yes\nfork-fp: exit(0)\n");
    assert_ends_with(&ran, "fp 20000000", "fp: exit(0)\n");
}

fn floating_point_state_without_xsave() {
    let mut old = in_memory(&["fork-fp 3 5000000"]);
    old.cpu = "max,-xsave".to_owned();
    let ran = run_in_order(old);
    assert_ends_with(&ran, "fork-fp 3 5000000", "AVX: no\nfork-fp: exit(0)\n");
}

fn exec_runs_a_fresh_program() {
    // Twenty programs in a row, then the most words that fit.
    let ran = run_in_order(in_memory(&["exec-chain", "exec-chain 3 507"]));
    for command in ["exec-chain", "exec-chain 3 507"] {
        assert_eq!(ran.output_of(command), "exec-chain-kid: exit(33)\nexec-chain: exit(57)\n");
    }
    assert_eq!(count(&ran, |e| matches!(e, Event::ProcessExec(_))), 23);
}

fn a_bad_exec_ends_the_process() {
    let ran = run_in_order(in_memory(&["exec-bad"]));
    let output = ran.output_of("exec-bad");
    let killed = "exec-bad-kid: exit(-1)\n";
    let said: Vec<&str> = output.split(killed).collect();
    let loads = ["no-such-file", "", "", r"\xff\x1b[1m", "hello", "yyyyy"];
    for (said, name) in said.iter().zip(loads) {
        assert_eq!(*said, format!("load: {name}: open failed\n"), "{output}");
    }
    assert_eq!(said.len(), loads.len() + 6 + 1, "a bad pointer says nothing: {output}");
    assert!(output.ends_with("every bad command ended its process\nexec-bad: exit(0)\n"), "{output}");
    let refused = |e: &Event| matches!(e, Event::ProcessExit(e) if e.cause == ExitCause::BadExec);
    assert_eq!(count(&ran, refused), loads.len());
}

fn every_child_is_waited_for_once() {
    let ran = run_in_order(in_memory(&["wait-rules"]));
    assert_ends_with(&ran, "wait-rules", "every child was waited for once\nwait-rules: exit(0)\n");
}

fn orphans_leave_nothing_behind() {
    let ran = run_in_order(in_memory(&["orphan", "fork-many 300", "hello"]));
    // Orphans may end at any time, and say so.
    assert!(ran.output_of("hello").contains("hello: exit(0)\n"), "{}", tail(&ran.outcome));
    let many = ran.output_of("fork-many 300");
    assert!(many.contains("fork-many: 300 children, all that were wanted\n"), "{many}");
    // Those who were still alive at the end were ended with the machine.
    assert_eq!(
        count(&ran, |e| matches!(e, Event::ProcessExit(_))),
        count(&ran, |e| matches!(e, Event::ProcessFork(_) | Event::ProcessSpawn(_)))
    );
}

fn every_exception_ends_its_process() {
    let ran = run_in_order(in_memory(&["die", "die divide", "die sse"]));
    assert_ends_with(&ran, "die", "14 exceptions ended their processes\ndie: exit(0)\n");
    for alone in ["die divide", "die sse"] {
        assert_eq!(ran.output_of(alone), "die: exit(-1)\n");
    }
}

fn halt_ends_all_processes() {
    let mut family = in_memory(&["halt-family", "hello"]);
    family.kernel_args.push(("stdin".to_owned(), "com1".to_owned())); // from where nothing comes: the reader waits
    let ran = run_in_order(family);
    let console = &ran.outcome.console;
    assert!(!console.contains("exit("), "{console}");
    assert_eq!(ran.outcome.not_started, ["hello"]);
}

fn interrupts_look_at_pages() {
    let ran = run_in_order(in_memory(&["inspect"]));
    assert_ends_with(&ran, "inspect", "inspect: pages and disks looked at\ninspect: exit(0)\n");
}

/// How many processes each of the ten chains of `fork-limit` had.
fn length_of_chains(run: Run) -> u32 {
    let ran = run_in_order(run);
    // Not at the end: children that nobody waits for may end while others run.
    assert!(ran.output_of("hello").contains("hello: exit(0)\n"), "{}", tail(&ran.outcome));
    let output = ran.output_of("fork-limit");
    let said = output.lines().find_map(|line| line.strip_prefix("fork-limit: ten chains of "));
    let said = said.unwrap_or_else(|| panic!("{output}\n{}", tail(&ran.outcome)));
    said.parse().expect("a number")
}

fn fork_fails_cleanly() {
    let limited = |user, kernel| {
        let mut guest = in_memory(&["fork-limit", "fork-many 2000", "exec-chain 3", "hello"]);
        (guest.user_frames, guest.kernel_frames) = (user, kernel);
        guest
    };
    let by_user_frames = length_of_chains(limited(Some(400), None));
    assert!((28..100).contains(&by_user_frames), "400 user frames are enough for {by_user_frames} processes");
    let by_kernel_frames = length_of_chains(limited(None, Some(400)));
    assert!(
        (10..100).contains(&by_kernel_frames),
        "400 kernel frames are enough for {by_kernel_frames} processes"
    );
}

fn console_input_is_read_by_lines() {
    let input = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&input, "first line\nsecond\n\nno end").expect("it can be written");
    let mut reading = in_memory(&["read-lines 8", "read-lines"]);
    reading.stdin = Some(Stdin::File(input.path().to_owned()));
    let ran = run_in_order(reading);
    let lines =
        ["first li", r"ne\n", r"second\n", r"\n", "no end"].map(|line| format!("read-lines: \"{line}\"\n"));
    assert_eq!(
        ran.output_of("read-lines 8"),
        format!("{}read-lines: 3 lines of 25 bytes\nread-lines: exit(0)\n", lines.concat())
    );
    let nothing = "read-lines: 0 lines of 0 bytes\nread-lines: exit(0)\n";
    assert_eq!(ran.output_of("read-lines"), nothing, "the input has ended for good");
    let without = run_in_order(in_memory(&["read-lines"]));
    assert_eq!(without.output_of("read-lines"), nothing);
}
