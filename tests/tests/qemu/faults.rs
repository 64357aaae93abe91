//! Every page fault is in the trace, told as it was.

use crate::Test;
use fl_trace::control::Moment;
use fl_trace::event::{Event, ExitCause, Fault, FaultKind, Outcome, Stage};
use qemu_tests::{Ran, guest, run_in_order};
use std::collections::BTreeSet;

pub const TESTS: &[Test] = &[
    ("each_touched_page_is_one_fault", each_touched_page_is_one_fault),
    ("program_pages_come_in_only_when_touched", program_pages_come_in_only_when_touched),
    ("stack_pages_are_told_apart", stack_pages_are_told_apart),
    ("a_refused_access_is_an_event_too", a_refused_access_is_an_event_too),
    ("without_frames_the_process_ends_and_the_kernel_goes_on", without_frames_the_process_ends),
    ("the_kernels_counters_agree_with_the_trace", the_kernels_counters_agree),
    ("frames_are_reused_after_a_process_ends", frames_are_reused),
];

fn faults<'r>(ran: &'r Ran, name: &str) -> Vec<&'r Fault> {
    ran.trace.faults_of(ran.pid_of(name)).map(|(_, fault)| fault).collect()
}

fn exit_cause(ran: &Ran, name: &str) -> ExitCause {
    let pid = ran.pid_of(name);
    let cause = ran.trace.events().iter().find_map(|seen| match seen.event {
        Event::ProcessExit(e) if e.pid == pid => Some(e.cause),
        _ => None,
    });
    cause.expect("the process ended")
}

fn each_touched_page_is_one_fault() {
    let ran = run_in_order(guest(&["touch-zero 64"]));
    let zero: Vec<_> = faults(&ran, "touch-zero").into_iter().filter(|f| f.kind == FaultKind::Zero).collect();
    let pages: BTreeSet<_> = zero.iter().map(|f| f.va.vpn()).collect();
    assert_eq!(pages.len(), zero.len(), "no page faults twice");
    assert!((64..=66).contains(&zero.len()), "64 pages of bss touched, {} faults", zero.len());
    let frames: BTreeSet<_> = zero.iter().map(|f| f.frame).collect();
    assert_eq!(frames.len(), zero.len(), "each page has a frame of its own");
    for fault in zero {
        assert_eq!(fault.outcome, Outcome::Mapped);
        assert!(fault.user && fault.stages[Stage::Fill as usize] > 0, "{fault:?}");
    }
}

fn program_pages_come_in_only_when_touched() {
    let ran = run_in_order(guest(&["text", "hello"]));
    let count = |name| faults(&ran, name).iter().filter(|f| f.kind == FaultKind::Executable).count();
    assert!(count("text") >= 16, "text executes in 16 pages, {} came in", count("text"));
    assert!((1..=4).contains(&count("hello")), "hello needs few pages, {} came in", count("hello"));
}

fn stack_pages_are_told_apart() {
    let ran = run_in_order(guest(&["stack"]));
    let stack = faults(&ran, "stack").into_iter().filter(|f| f.kind == FaultKind::Stack).count();
    assert!(stack >= 192, "stack touches 192 pages of one object, {stack} stack faults");
}

fn a_refused_access_is_an_event_too() {
    let ran = run_in_order(guest(&["bad-read", "bad-pointer", "stack-overflow"]));
    let last = |name| *faults(&ran, name).last().expect("at least one fault");
    let bad_read = last("bad-read");
    assert_eq!((bad_read.kind, bad_read.outcome, bad_read.va.0), (FaultKind::Bad, Outcome::Refused, 0));
    assert_eq!(exit_cause(&ran, "bad-read"), ExitCause::BadAccess);
    assert_eq!(exit_cause(&ran, "bad-pointer"), ExitCause::BadPointer);
    let overflow = last("stack-overflow");
    assert!(overflow.va.0 < 0x4748_0000 - (1 << 20), "the stack ends 1 MiB below its top: {overflow:?}");
}

fn without_frames_the_process_ends() {
    let mut small = guest(&["zero-bss-big", "hello"]);
    small.user_frames = Some(100);
    let ran = run_in_order(small);
    assert!(ran.output_of("zero-bss-big").ends_with("zero-bss-big: exit(-1)\n"));
    assert_eq!(exit_cause(&ran, "zero-bss-big"), ExitCause::NoMemory);
    let last = *faults(&ran, "zero-bss-big").last().expect("at least one fault");
    assert_eq!(last.outcome, Outcome::NoMemory);
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "the frames came back");
}

fn the_kernels_counters_agree() {
    let ran = run_in_order(guest(&["touch-zero 200", "data", "bad-write"]));
    let counters = ran.trace.counters(Moment::PowerOff).expect("counters at power-off");
    let mut seen = [0; Event::KINDS];
    let mut ticks = [0; Stage::COUNT];
    for event in ran.trace.events() {
        seen[event.event.index()] += 1;
        if let Event::Fault(fault) = &event.event {
            ticks.iter_mut().zip(fault.stages).for_each(|(sum, t)| *sum += u64::from(t));
        }
    }
    assert_eq!(seen, counters.emitted, "by kind: {:?}", Event::NAMES);
    assert_eq!(ticks, counters.fault_ticks, "by stage");
    assert_eq!(counters.lost, [0; Event::KINDS]);
}

fn frames_are_reused() {
    let mut small = guest(&["touch-zero 80", "touch-zero 80", "touch-zero 80"]);
    small.user_frames = Some(120);
    let ran = run_in_order(small);
    let freed = ran.trace.events().iter().filter(|e| matches!(e.event, Event::PageFree(_))).count();
    assert!(freed >= 240, "{freed} pages freed");
}
