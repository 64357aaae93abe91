//! What is traced can be chosen and may get lost; what is counted is neither.

use crate::Test;
use crate::boot::refused;
use fl_trace::class::{Class, Classes};
use fl_trace::control::Control;
use fl_trace::event::{Event, FaultKind, Stage};
use fl_trace::metrics::Series;
use qemu_tests::{Ran, guest, guest_on, run, run_in_order, tail};
use vmtrace::check::Invariant;
use vmtrace::model::metrics::Metrics;
use xtask::qemu::Ports;

pub const TESTS: &[Test] = &[
    ("histograms_are_exact_whatever_the_rings_drop", exact_under_loss),
    ("counts_are_told_every_second", counts_every_second),
    ("only_the_classes_asked_for_are_traced_and_all_is_counted", only_some_classes),
    ("system_calls_are_traced_when_asked_for", system_calls),
    ("switches_are_traced_when_asked_for", switches),
    ("a_class_that_does_not_exist_is_refused", no_such_class),
    ("a_program_chooses_what_is_traced_while_it_runs", chosen_while_running),
];

fn metrics(ran: &Ran) -> Metrics {
    let mut metrics = Metrics::default();
    ran.trace.controls().iter().for_each(|(_, control)| metrics.control(control));
    assert!(metrics.are_final(), "{}", tail(&ran.outcome));
    metrics
}

fn count_of(ran: &Ran, wanted: impl Fn(&Event) -> bool) -> u64 {
    ran.trace.events().iter().filter(|seen| wanted(&seen.event)).count() as u64
}

/// Faults by the kernel's histograms.
fn faults(metrics: &Metrics) -> u64 {
    [Series::FaultZero, Series::FaultExecutable, Series::FaultStack, Series::FaultBad, Series::FaultMapping]
        .map(|series| metrics.of_all(series).count())
        .iter()
        .sum()
}

fn exact_under_loss() {
    let mut guest = guest_on(Ports::Both, &["zero-bss-big 100", "hello"]).kernel_arg("trace", "drop");
    guest.mem_mib = 384;
    let ran = run(guest);
    let metrics = metrics(&ran);
    let last = metrics.counters.expect("counters");
    assert!(last.lost[Event::FAULT] > 1000, "the port is not that fast: {:?}", last.lost);
    assert_eq!(faults(&metrics), last.emitted[Event::FAULT]);
    for stage in Stage::ALL {
        assert_eq!(
            metrics.of_all(Series::of_stage(stage)).sum,
            last.fault_ticks[stage as usize],
            "{stage:?}"
        );
    }
    let report = ran.trace.check();
    let judged = report.of(Invariant::NothingVanishes);
    let counted = Series::ALL.iter().filter(|series| metrics.of_all(**series).count() > 0).count();
    assert!(
        judged.broken == 0 && judged.exercised as usize > counted && counted >= 6,
        "{judged:?}, {counted} series"
    );
}

fn counts_every_second() {
    let mut guest = guest(&["zero-bss-big 100"; 10]);
    guest.mem_mib = 384;
    let ran = run_in_order(guest);
    let counted: Vec<_> = ran
        .trace
        .controls()
        .iter()
        .filter_map(|(tsc, control)| match control {
            Control::CpuCounters(counters) => Some((tsc, counters.emitted[Event::FAULT])),
            _ => None,
        })
        .collect();
    let events = ran.trace.events();
    let ticks = events.last().expect("events").tsc - events[0].tsc;
    let seconds = ticks / ran.trace.hello().expect("a hello").tsc_hz;
    // One more at power-off.
    assert!(seconds >= 1 && counted.len() as u64 > seconds / 2, "{} times in {seconds} s", counted.len());
    assert!(counted.is_sorted(), "{counted:?}");
}

fn only_some_classes() {
    let ran = run_in_order(guest(&["touch-zero 300"]).kernel_arg("trace", "process"));
    let metrics = metrics(&ran);
    let hello = ran.trace.hello().expect("a hello");
    assert!(hello.lossless && hello.classes().contains(Class::Process));
    assert!(!hello.classes().contains(Class::Fault));
    assert_eq!(count_of(&ran, |event| matches!(event, Event::ProcessSpawn(_) | Event::ProcessExit(_))), 2);
    assert_eq!(count_of(&ran, |event| matches!(event, Event::Fault(_) | Event::PageFree(_))), 0);
    assert!(metrics.untraced()[Event::FAULT] >= 300);
    assert_eq!(faults(&metrics), metrics.untraced()[Event::FAULT]);
}

fn system_calls() {
    let without = run_in_order(guest(&["hello"]));
    assert_eq!(count_of(&without, |event| matches!(event, Event::Syscall(_))), 0);
    let ran = run_in_order(guest(&["hello"]).kernel_arg("trace", "+syscall"));
    let pid = ran.pid_of("hello");
    let writes: Vec<_> = ran
        .trace
        .events()
        .iter()
        .filter_map(|seen| match seen.event {
            Event::Syscall(call) if call.number == fl_abi::Syscall::Write as u8 => Some(call),
            _ => None,
        })
        .collect();
    assert!(!writes.is_empty() && writes.iter().all(|call| call.pid == pid && call.time.0 > 0), "{writes:?}");
    assert_eq!(writes.iter().map(|call| call.result).sum::<i64>(), "hello from ring 3\n".len() as i64);
    let counted = metrics(&ran).of_all(Series::Syscall).count();
    assert_eq!(counted, count_of(&ran, |event| matches!(event, Event::Syscall(_))));
}

fn switches() {
    let ran = run_in_order(guest(&["touch-zero 2000", "hello"]).kernel_arg("trace", "+switch"));
    let switches: Vec<_> = ran
        .trace
        .events()
        .iter()
        .filter_map(|seen| match seen.event {
            Event::Switch(switch) => Some(switch),
            _ => None,
        })
        .collect();
    assert!(switches.windows(2).all(|pair| pair[0].to == pair[1].from), "a chain: {switches:?}");
    assert!(switches.iter().all(|switch| switch.from != switch.to), "{switches:?}");
    for name in ["touch-zero", "hello"] {
        let pid = ran.pid_of(name);
        assert!(
            switches.iter().any(|switch| switch.to == pid)
                && switches.iter().any(|switch| switch.from == pid)
        );
    }
    let whole = run_in_order(guest(&["hello"]).kernel_arg("trace", "all"));
    assert!(count_of(&whole, |event| matches!(event, Event::Syscall(_))) > 0);
}

fn no_such_class() {
    refused(guest(&["hello"]).kernel_arg("trace", "faults"), &["trace=faults", "process, fault", "+ or -"]);
}

fn chosen_while_running() {
    let ran = run_in_order(guest(&["trace-choice", "hello"]));
    let tell = fl_abi::Syscall::Tell as u8;
    let traced = count_of(&ran, |event| matches!(event, Event::Syscall(call) if call.number == tell));
    assert_eq!(traced, 100, "those between two of the three calls");
    let changes: Vec<_> = ran
        .trace
        .events()
        .iter()
        .filter_map(|seen| match seen.event {
            Event::TraceChanged(change) => Some(Classes::from_bits(change.classes)),
            _ => None,
        })
        .collect();
    let [with, without, none, usual] = changes[..] else { panic!("{changes:?}") };
    assert!(with.contains(Class::Syscall) && with.covers(Classes::USUAL));
    assert_eq!((without, none, usual), (Classes::USUAL, Classes::NONE, Classes::USUAL));

    let pid = ran.pid_of("trace-choice");
    let zero = |event: &Event| matches!(event, Event::Fault(f) if f.pid == pid && f.kind == FaultKind::Zero);
    let metrics = metrics(&ran);
    let (seen, unseen) = (count_of(&ran, zero), metrics.untraced()[Event::FAULT]);
    assert!(seen >= 8 && unseen >= 8, "{seen} faults traced, {unseen} counted");
    let timed = metrics.of_all(Series::FaultZero).count();
    assert!(timed >= seen && timed < seen + 8, "where nothing is traced no times are taken: {timed}");
    let report = ran.trace.check();
    assert!(report.holds() && report.lossy, "what was left out on purpose is not held against the kernel");
    assert!(report.of(Invariant::NothingVanishes).exercised > 0);
}
