//! Memory pressure: pages that go out and come back, the thread that does it, disks that fail meanwhile, and memory that is used up.

use crate::Test;
use fl_trace::event::{Event, EvictOutcome, EvictReason, ExitCause, Outcome, Reclaimer};
use qemu_tests::{Ran, guest, in_memory, run_in_order, tail};
use std::collections::BTreeSet;
use xtask::run::Run;

pub const TESTS: &[Test] = &[
    ("under_pressure_pages_come_back_as_they_were_under_every_policy", every_policy),
    ("under_pressure_sharers_of_swapped_pages_see_what_they_must", sharers),
    ("under_pressure_mapped_files_larger_than_memory_hold_what_was_stored", mapped_files),
    ("under_pressure_ten_children_need_four_times_the_memory", ten_children),
    ("under_pressure_in_a_sweep_nobody_waits_and_writes_are_clustered", a_sweep),
    ("under_pressure_slots_that_are_short_are_taken_from_resident_pages", short_slots),
    ("under_pressure_a_slot_that_cannot_be_read_ends_who_needs_it_and_nobody_else", failing_reads),
    ("under_pressure_a_page_that_cannot_be_written_stays_until_it_can", failing_writes),
    ("under_pressure_out_of_memory_the_largest_process_ends_and_never_the_first", out_of_memory),
    ("under_pressure_who_waits_for_a_child_can_be_chosen_to_end", chosen_while_waiting),
    ("under_pressure_one_process_that_wants_more_than_there_is_ends_alone", too_much),
];

/// A machine with so many user frames and swap pages. The kernel has enough for all it has to know.
fn small(mut guest: Run, frames: u32, swap_pages: u32) -> Run {
    (guest.user_frames, guest.kernel_frames) = (Some(frames), Some(2000));
    guest.swap_pages = Some(swap_pages);
    guest
}

fn count(ran: &Ran, wanted: impl Fn(&Event) -> bool) -> usize {
    ran.trace.events().iter().filter(|seen| wanted(&seen.event)).count()
}

fn evictions(ran: &Ran, outcome: EvictOutcome) -> usize {
    count(ran, |event| matches!(event, Event::Evicted(e) if e.outcome == outcome))
}

/// The program found nothing wrong, and the kernel ended none of its processes.
fn assert_all_right(ran: &Ran, command: &str) {
    let said = ran.output_of(command);
    let right = said.contains("0 wrong, 0 ended by the kernel, 0 not made");
    assert!(right && said.ends_with(": exit(0)\n"), "{}", tail(&ran.outcome));
}

fn every_policy() {
    let command = "pressure-check 6 100 3";
    for policy in ["clock", "enhanced", "fifo", "sieve", "2q"] {
        let ran = run_in_order(small(in_memory(&[command]), 128, 1024).kernel_arg("policy", policy));
        assert_all_right(&ran, command);
        let out = count(&ran, |event| matches!(event, Event::SwapOut(out) if out.ok));
        let back = count(&ran, |event| matches!(event, Event::SwapIn(back) if back.ok));
        assert!(out > 50 && back > 50, "{policy}: {out} pages out, {back} back");
        let hello = ran.trace.hello().expect("every trace has one");
        assert_eq!(hello.policy.as_bytes(), policy.as_bytes());
        // Every eviction is the background thread's.
        let others = count(&ran, |event| matches!(event, Event::Evicted(e) if e.by != Reclaimer::Evictor));
        assert_eq!(others, 0, "{policy}");
        // Only two queues have pages that had proved themselves before, and each eighth victim is looked for among them.
        let faded = count(&ran, |event| matches!(event, Event::Evicted(e) if e.reason == EvictReason::Faded));
        assert_eq!(faded > 10, policy == "2q", "{policy}: {faded} faded");
    }
}

fn sharers() {
    let command = "pressure-fork 60 3 2 1";
    let ran = run_in_order(small(guest(&[command]), 96, 1024));
    assert_all_right(&ran, command);
    assert!(count(&ran, |event| matches!(event, Event::PageCopy(_))) > 20);
    assert!(evictions(&ran, EvictOutcome::ToSwap) > 50);
}

fn mapped_files() {
    let command = "pressure-file 200 2 2 2";
    let ran = run_in_order(small(guest(&[command]), 128, 256));
    assert_all_right(&ran, command);
    let (written, dropped) = (evictions(&ran, EvictOutcome::ToFile), evictions(&ran, EvictOutcome::Dropped));
    assert!(written > 50 && dropped > 20, "{written} evicted to the file, {dropped} clean");
    let lost = count(&ran, |event| matches!(event, Event::WriteBack(w) if !w.ok));
    assert_eq!(lost, 0);
}

fn ten_children() {
    let mut guest = small(guest(&["swap-fork"]), 300, 4000);
    guest.artifacts = guest.artifacts.with_scenarios();
    let ran = run_in_order(guest);
    let ended = ran.outcome.console.matches("child-swap: exit(0)\n").count();
    assert_eq!(ended, 10, "{}", tail(&ran.outcome));
}

fn a_sweep() {
    let ran = run_in_order(small(guest(&["pressure-sweep 900 2 20000"]), 600, 1200));
    assert!(ran.outcome.console.contains("pressure-sweep: exit(0)\n"), "{}", tail(&ran.outcome));
    let waits = count(&ran, |event| matches!(event, Event::FrameWait(_)));
    let requests = ran.trace.faults().filter(|(_, fault)| fault.outcome == Outcome::Mapped).count();
    assert!(requests > 1500 && waits * 10 <= requests, "{waits} of {requests} requests for a frame waited");
    // Each page tells how many were written with it.
    let runs = ran.trace.events().iter().filter_map(|seen| match &seen.event {
        Event::SwapOut(out) => Some(f64::from(out.run)),
        _ => None,
    });
    let (pages, writes) = runs.fold((0.0, 0.0), |(pages, writes), run| (pages + 1.0, writes + 1.0 / run));
    assert!(pages > 500.0 && pages / writes >= 8.0, "{pages} pages in {writes} requests");
}

fn short_slots() {
    // Pages that are only read after they were swapped in keep their slots, until others need them. With counted instructions: on a busy
    // host one process could be done before the next is made.
    let command = "pressure-check 4 100 4";
    let mut guest = small(in_memory(&[command]), 160, 470);
    guest.icount = true;
    let ran = run_in_order(guest);
    assert_all_right(&ran, command);
    let taken = count(
        &ran,
        |event| matches!(event, Event::SlotFreed(freed) if freed.reason == fl_trace::event::SlotFreeReason::Reclaimed),
    );
    assert!(taken > 0, "no slot was taken from a resident page");
}

fn failing_reads() {
    let command = "pressure-check 6 60 3";
    let run = small(in_memory(&[command]), 128, 1024).kernel_arg("fault", "read:swap:0.01");
    let ran = run_in_order(run.kernel_arg("seed", "7"));
    let failed: BTreeSet<_> =
        ran.trace.faults().filter(|(_, f)| f.outcome == Outcome::IoError).map(|(_, f)| f.pid).collect();
    let ended = ended_for(&ran, ExitCause::IoError);
    assert!(!failed.is_empty() && failed.len() < 6, "{} of 6 processes had an error", failed.len());
    assert_eq!(ended, failed, "{}", tail(&ran.outcome));
    assert!(ran.output_of(command).contains(" 0 wrong, "), "{}", tail(&ran.outcome));
}

/// The processes that were ended for that reason.
fn ended_for(ran: &Ran, cause: ExitCause) -> BTreeSet<fl_addr::Pid> {
    let of = |event: &Event| match event {
        Event::ProcessExit(exit) if exit.cause == cause => Some(exit.pid),
        _ => None,
    };
    ran.trace.events().iter().filter_map(|seen| of(&seen.event)).collect()
}

fn failing_writes() {
    let command = "pressure-check 6 100 3";
    let run = small(in_memory(&[command]), 128, 1024).kernel_arg("fault", "write:swap:0.2");
    let ran = run_in_order(run.kernel_arg("seed", "7"));
    assert_all_right(&ran, command);
    let failed = count(&ran, |event| matches!(event, Event::SwapOut(out) if !out.ok && out.kept));
    let lost = count(&ran, |event| matches!(event, Event::SwapOut(out) if !out.ok && !out.kept));
    assert!(failed > 5 && lost == 0, "{failed} pages could not be written, {lost} of them lost");
}

fn out_of_memory() {
    let command = "pressure-check 3 60 4";
    // Room for one of the three processes of some 100 pages, their stacks included, and the first, but not for two.
    let ran = run_in_order(small(guest(&[command, "hello"]), 64, 120));
    let chosen: BTreeSet<_> = ran
        .trace
        .events()
        .iter()
        .filter_map(|seen| match &seen.event {
            Event::OutOfMemory(oom) => Some(oom.pid),
            _ => None,
        })
        .collect();
    assert!(!chosen.is_empty() && chosen.len() < 3, "{chosen:?}");
    assert_eq!(ended_for(&ran, ExitCause::NoMemory), chosen, "who is chosen ends, and nobody else");
    assert!(!chosen.contains(&ran.pid_of("pressure-check")), "the first process was chosen");
    let said = ran.output_of(command);
    let right = format!("{} processes of 60 pages right", 3 - chosen.len());
    assert!(said.contains(&right) && said.contains(" 0 wrong, "), "{}", tail(&ran.outcome));
    assert!(ran.outcome.console.contains("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn chosen_while_waiting() {
    let ran = run_in_order(small(in_memory(&["oom-wait 150", "hello"]), 64, 180));
    let mut forks = ran.trace.events().iter().filter_map(|seen| match &seen.event {
        Event::ProcessFork(fork) if fork.name.as_bytes() == b"large" => Some(fork.pid),
        _ => None,
    });
    let large = forks.next_back().expect("the program forks it");
    let chosen = count(&ran, |event| matches!(event, Event::OutOfMemory(oom) if oom.pid == large));
    assert_eq!(chosen, 1, "{}", tail(&ran.outcome));
    let said = ran.output_of("oom-wait 150");
    let expected = ["large: exit(-1)\n", "the one that waits ends with -1\n"];
    assert!(expected.iter().all(|line| said.contains(line)), "{said}");
    assert!(ran.outcome.console.contains("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn too_much() {
    let ran = run_in_order(small(in_memory(&["pressure-sweep 400 1 1", "hello"]), 100, 200));
    assert!(ran.outcome.console.contains("pressure-sweep: exit(-1)\n"), "{}", tail(&ran.outcome));
    assert!(ran.outcome.console.contains("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}
