//! Each invariant: a run that keeps it, one that breaks it, and the witnesses named.

mod common;

use common::{vmtrace, write_run};
use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::control::Bye;
use fl_trace::event::{
    CacheTransfer, Event, EvictOutcome, EvictReason, Evicted, ExitCause, Fault, FrameClass, Mapped, Outcome,
    PageCopy, PageFree, ProcessExec, ProcessExit, ProcessFork, ProcessSpawn, ProcessWait, Reclaimer, Stamped,
    Unmapped,
};
use vmtrace::Trace;
use vmtrace::check::Invariant::{self, *};
use vmtrace::check::Report;
use vmtrace::synth::{Plan, Run, fault, name};

fn report(run: &Run) -> Report {
    Trace::from_bytes(&run.encode().bytes).unwrap().check()
}

/// Exactly `invariant` is broken, once, with these words and this many witnesses.
fn assert_only(run: &Run, invariant: Invariant, words: &str, witnesses: usize) {
    let report = report(run);
    let broken: Vec<_> =
        report.results.iter().filter(|(_, j)| j.broken > 0).map(|(i, j)| (*i, j.broken)).collect();
    let first = report.first_broken().map(|(_, claim)| claim);
    assert_eq!(broken, [(invariant, 1)], "{first:?}");
    let claim = first.unwrap();
    assert!(claim.text.contains(words), "{}", claim.text);
    assert_eq!(claim.witnesses.len(), witnesses, "{claim:?}");
    let dir = tempfile::tempdir().unwrap();
    let done = vmtrace(&["check", &write_run(dir.path(), run)]);
    assert_eq!(done.status, 1);
    assert!(done.out.contains("first broken: ") && done.out.contains(words), "{}", done.out);
}

/// Two processes on two CPUs; `events` go between their begins and their ends.
fn with(events: &[(u8, u64, Event)]) -> Run {
    let mut run = Run::empty(2);
    let boot = run.hello.tsc_boot;
    let mut at =
        |cpu: u8, tsc: u64, event: Event| run.events.push((CpuId(cpu), Stamped { tsc: boot + tsc, event }));
    for pid in [1, 2] {
        at(
            0,
            1000 + u64::from(pid),
            Event::ProcessSpawn(ProcessSpawn { pid: Pid(pid), parent: Pid(0), name: name("p") }),
        );
    }
    for (cpu, tsc, event) in events {
        at(*cpu, 100_000 + tsc, *event);
    }
    for pid in [1, 2] {
        let exit = ProcessExit { pid: Pid(pid), status: 0, cause: ExitCause::Exit };
        at(1, 900_000 + u64::from(pid), Event::ProcessExit(exit));
    }
    run
}

fn mapped(pid: u32, page: u32, frame: u32, generation: u32) -> Event {
    let va = VirtAddr(0x10_0000 + u64::from(page) * 4096);
    Event::Fault(Fault { pid: Pid(pid), page: PageId(page), frame: Pfn(frame), generation, va, ..fault() })
}

fn freed(page: u32, frame: u32, generation: u32) -> Event {
    Event::PageFree(PageFree { page: PageId(page), frame: Pfn(frame), generation })
}

fn copied(from: u32, page: u32, frame: u32) -> Event {
    Event::PageCopy(PageCopy { from: PageId(from), page: PageId(page), generation: 2, frame: Pfn(frame) })
}

fn forked(pid: u32, parent: u32) -> Event {
    Event::ProcessFork(ProcessFork { pid: Pid(pid), parent: Pid(parent), name: name("child") })
}

fn ended(pid: u32, status: i32) -> Event {
    Event::ProcessExit(ProcessExit { pid: Pid(pid), status, cause: ExitCause::Exit })
}

fn waited(pid: u32, child: u32, status: i32) -> Event {
    Event::ProcessWait(ProcessWait { pid: Pid(pid), child: Pid(child), status })
}

fn transfer(number: u32, moved: u16, cached: u16, pool_free: u32) -> CacheTransfer {
    CacheTransfer { cache: CpuId(0), class: FrameClass::User, moved, cached, pool_free, number }
}

fn refill(number: u32, moved: u16, cached: u16, pool_free: u32) -> Event {
    Event::CacheRefill(transfer(number, moved, cached, pool_free))
}

fn drain(number: u32, moved: u16, cached: u16, pool_free: u32) -> Event {
    Event::CacheDrain(transfer(number, moved, cached, pool_free))
}

#[test]
fn made_up_runs_keep_every_invariant_and_exercise_them() {
    for seed in 0..30 {
        let run = Run::new(Plan { seed, cpus: 1 + (seed % 4) as u8, processes: 40, ..Plan::default() });
        let report = report(&run);
        assert!(report.holds(), "seed {seed}: {:?}", report.first_broken().map(|(_, claim)| claim));
        for (invariant, judged) in &report.results {
            assert_eq!(judged.unknown, 0, "{invariant:?}");
            // The made-up machine neither forks nor maps files, and has memory enough.
            let idle = matches!(
                invariant,
                BlockedThenFault
                    | CopiedOnce
                    | MappingsApart
                    | SlotOwner
                    | UnmappedFirst
                    | PinnedStays
                    | WrittenFirst
                    | SlotOrder
                    | CleanNotSwapped
            );
            assert_eq!(judged.exercised > 0, !idle, "{invariant:?}");
        }
    }
}

#[test]
fn a_frame_given_to_a_second_page_while_the_first_lives() {
    let theft = [(0, 0, mapped(1, 10, 0x50, 1)), (1, 5000, mapped(2, 11, 0x50, 1))];
    assert_only(&with(&theft), OneOwner, "frame 0x50 is given to page 11 while page 10 has it", 2);
    let passed_on = [theft[0], (0, 2000, freed(10, 0x50, 2)), theft[1]];
    assert!(report(&with(&passed_on)).holds());
}

#[test]
fn a_frame_of_a_process_that_has_ended_is_free_for_others() {
    let mut run = with(&[(0, 0, mapped(1, 10, 0x50, 1))]);
    let end = run.events.last().unwrap().1.tsc;
    run.events.insert(run.events.len() - 1, (CpuId(1), Stamped { tsc: end, event: mapped(2, 11, 0x50, 1) }));
    assert!(report(&run).holds());
}

#[test]
fn a_forked_child_ends_and_is_waited_for_once_with_its_status() {
    let life = [(0, 0, forked(3, 1)), (0, 2000, ended(3, 57)), (0, 4000, waited(1, 3, 57))];
    assert!(report(&with(&life)).holds());
    let with_more = |at: usize, event: Event| {
        let mut life = life.to_vec();
        life.insert(at, (0, life.get(at).map_or(5000, |e| e.1) - 1, event));
        with(&life)
    };
    let twice = "process 3 is waited for twice";
    assert_only(&with_more(3, waited(1, 3, 57)), LiveProcess, twice, 2);
    let mut early = life;
    early.swap(1, 2);
    early.iter_mut().zip([0, 2000, 4000]).for_each(|(event, tsc)| event.1 = tsc);
    assert_only(&with(&early), LiveProcess, "process 3 is waited for before its end", 2);
    let mut other = life;
    other[2].2 = waited(1, 3, 0);
    assert_only(&with(&other), LiveProcess, "process 3 ended with status 57, its parent learns 0", 2);
    let exec = Event::ProcessExec(ProcessExec { pid: Pid(3), program: name("args") });
    assert!(report(&with_more(1, exec)).holds());
    assert_only(&with_more(3, exec), LiveProcess, "process 3 becomes another program after its exit", 2);
}

#[test]
fn a_copied_page_has_a_frame_of_its_own() {
    let made = [(0, 0, mapped(1, 10, 0x50, 1)), (0, 2000, copied(10, 11, 0x51))];
    let gone = [(0, 4000, freed(11, 0x51, 3)), (0, 4100, freed(10, 0x50, 3))];
    assert!(report(&with(&[made, gone].concat())).holds());
    let theft = [made[0], (0, 2000, copied(10, 11, 0x50))];
    assert_only(&with(&theft), OneOwner, "frame 0x50 is given to page 11 while page 10 has it", 2);
    let again = [made[0], made[1], (0, 4000, copied(10, 11, 0x52))];
    assert_only(&with(&again), OneFrame, "page 11 is made though there is one of that number", 2);
}

#[test]
fn what_was_brought_in_to_be_copied_has_a_frame_of_which_no_fault_tells() {
    let evicted = |generation, frame| {
        Event::Evicted(Evicted {
            page: PageId(10),
            generation,
            frame: Pfn(frame),
            by: Reclaimer::Evictor,
            pid: Pid(1),
            va: VirtAddr(0x40_0000),
            reason: EvictReason::Unused,
            dirty: false,
            scanned: 1,
            age: 1,
            outcome: EvictOutcome::Dropped,
        })
    };
    let first = [(0, 0, mapped(1, 10, 0x50, 2)), (0, 2000, evicted(4, 0x50))];
    let again = (0, 6000, evicted(8, 0x52));
    let copied = [first[0], first[1], (0, 4000, copied(10, 11, 0x51)), again];
    assert!(report(&with(&copied)).holds());
    let Event::Fault(fault) = mapped(1, 10, 0x52, 6) else { unreachable!() };
    let kept = (0, 4000, Event::Fault(Fault { outcome: Outcome::Reused, ..fault }));
    assert!(report(&with(&[first[0], first[1], kept, again])).holds());
    let untold = [first[0], first[1], again];
    assert_only(&with(&untold), OneFrame, "page 10 is evicted from frame 0x52 but has none", 2);
}

#[test]
fn a_fault_that_copies_shows_the_copy_that_was_made_for_it() {
    let made = [(0, 0, mapped(1, 10, 0x50, 1)), (0, 2000, copied(10, 11, 0x51))];
    let shows = |page, frame, outcome| {
        let Event::Fault(fault) = mapped(1, page, frame, 2) else { unreachable!() };
        (0, 2500, Event::Fault(Fault { outcome, ..fault }))
    };
    let good = with(&[made[0], made[1], shows(11, 0x51, Outcome::Copied)]);
    assert!(report(&good).holds());
    assert_eq!(report(&good).of(CopiedOnce).exercised, 2);
    let other_frame = [made[0], made[1], shows(11, 0x52, Outcome::Copied)];
    assert_only(&with(&other_frame), CopiedOnce, "page 11 was copied to frame 0x51, the fault shows 0x52", 2);
    let no_copy = [made[0], shows(11, 0x51, Outcome::Copied)];
    assert_only(&with(&no_copy), CopiedOnce, "a fault shows page 11 as a copy, which nobody made", 1);
    let mapped_only = [made[0], made[1], shows(11, 0x51, Outcome::Mapped)];
    assert_only(&with(&mapped_only), CopiedOnce, "page 11 was copied for another fault", 2);
    assert_only(&with(&[(0, 0, copied(10, 10, 0x50))]), CopiedOnce, "page 10 is a copy of itself", 1);
}

#[test]
fn mappings_of_a_process_lie_apart_and_only_they_are_unmapped() {
    let map = |pid: u32, va: u64, pages: u32| {
        Event::Mapped(Mapped { pid: Pid(pid), va: VirtAddr(va), pages, offset: 0, writable: true })
    };
    let unmap = |pid: u32, va: u64, pages: u32, touched: u32| {
        Event::Unmapped(Unmapped { pid: Pid(pid), va: VirtAddr(va), pages, touched })
    };
    let at = |events: &[Event]| {
        let timed: Vec<_> =
            events.iter().zip((0..).step_by(2000)).map(|(event, tsc)| (0, tsc, *event)).collect();
        with(&timed)
    };
    let (first, second) = (map(1, 0x10_0000, 2), map(1, 0x10_2000, 1));
    let exec = Event::ProcessExec(ProcessExec { pid: Pid(1), program: name("next") });
    let good = [
        first,
        second,
        map(2, 0x10_1000, 2), // another process
        forked(3, 1),
        unmap(3, 0x10_0000, 2, 2), // inherited
        ended(3, 0),
        unmap(1, 0x10_0000, 2, 0),
        first, // again
        exec,
        map(1, 0x10_1000, 3),
    ];
    assert!(report(&at(&good)).holds(), "{:?}", report(&at(&good)).first_broken().map(|(_, claim)| claim));
    assert_eq!(report(&at(&good)).of(MappingsApart).exercised, 7);
    let over = "process 1 maps 0x101000 over what it has mapped";
    assert_only(&at(&[first, map(1, 0x10_1000, 1)]), MappingsApart, over, 2);
    let below = "process 1 maps 0xff000 over what it has mapped";
    assert_only(&at(&[first, map(1, 0xf_f000, 8)]), MappingsApart, below, 2);
    let nothing = "process 1 unmaps 0x101000, where nothing begins";
    assert_only(&at(&[first, unmap(1, 0x10_1000, 1, 0)]), MappingsApart, nothing, 1);
    assert_only(&at(&[first, exec, unmap(1, 0x10_0000, 2, 0)]), MappingsApart, "where nothing begins", 1);
    assert_only(&at(&[first, unmap(1, 0x10_0000, 1, 0)]), MappingsApart, "in another length", 2);
    assert_only(
        &at(&[first, unmap(1, 0x10_0000, 2, 3)]),
        MappingsApart,
        "touched 3 pages of a mapping of 2",
        1,
    );
    assert_only(&at(&[map(1, 0x10_0000, 0)]), MappingsApart, "a mapping of no page", 1);
}

#[test]
fn clocks_of_two_cpus_that_differ_a_little_prove_nothing() {
    // CPU 1 had the frame after CPU 0 freed it, but its clock is 300 ticks behind.
    let run = with(&[
        (0, 0, mapped(1, 10, 0x50, 1)),
        (1, 5000, mapped(2, 11, 0x50, 1)),
        (0, 5300, freed(10, 0x50, 2)),
    ]);
    assert!(report(&run).holds());
    // On one CPU the order is certain.
    let run = with(&[
        (0, 0, mapped(1, 10, 0x50, 1)),
        (0, 5000, mapped(2, 11, 0x50, 1)),
        (0, 5300, freed(10, 0x50, 2)),
    ]);
    assert_only(&run, OneOwner, "frame 0x50", 2);
}

#[test]
fn a_page_with_two_frames() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 1)), (0, 5000, mapped(1, 10, 0x51, 2))]);
    assert_only(&run, OneFrame, "page 10 gets frame 0x51 while it has frame 0x50", 2);
}

#[test]
fn a_page_that_gives_back_another_frame_than_its_own() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 1)), (0, 5000, freed(10, 0x51, 2))]);
    assert_only(&run, OneFrame, "page 10 gives back frame 0x51 but has frame 0x50", 2);
}

#[test]
fn a_generation_that_goes_back() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 5)), (0, 5000, freed(10, 0x50, 4))]);
    assert_only(&run, OneFrame, "page 10 goes back from generation 5 to 4", 2);
}

#[test]
fn a_page_that_is_used_or_freed_after_it_was_freed() {
    let begin = [(0, 0, mapped(1, 10, 0x50, 1)), (0, 1000, freed(10, 0x50, 2))];
    let run = with(&[&begin[..], &[(0, 9000, mapped(1, 10, 0x51, 3))]].concat());
    assert_only(&run, OneFrame, "page 10 has a fault after it was freed", 2);
    let run = with(&[&begin[..], &[(0, 9000, freed(10, 0x50, 2))]].concat());
    assert_only(&run, OneFrame, "page 10 is freed twice", 2);
}

#[test]
fn events_that_vanish_without_being_counted_as_lost() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 1))]);
    // The kernel counted what the made-up drain never saw.
    let encoded = run.encode_with(|last| last.emitted[2] += 1);
    let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
    let claim = report.of(NothingVanishes).first.as_ref().unwrap();
    assert!(claim.text.contains("1 of 6 events neither arrived nor count as lost"), "{}", claim.text);
    assert!(claim.text.contains("1 fault"), "{}", claim.text);
}

#[test]
fn more_events_than_the_kernel_counted() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 1))]);
    let encoded = run.encode_with(|last| last.emitted[2] -= 1);
    let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
    let claim = report.of(NothingVanishes).first.as_ref().unwrap();
    assert!(claim.text.contains("fault: 1 received and 0 dropped are more than the 0"), "{}", claim.text);
}

#[test]
fn time_in_faults_that_differs_from_the_kernels_own_sum() {
    let run = with(&[(0, 0, mapped(1, 10, 0x50, 1))]);
    let encoded = run.encode_with(|last| last.fault_ticks[3] += 1);
    let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
    assert_eq!(report.of(NothingVanishes).broken, 1);
}

#[test]
fn frames_heap_threads_or_processes_that_are_not_back_at_power_off() {
    let mut run = with(&[]);
    run.power_off.user_free -= 1;
    assert_only(&run, BackToBoot, "free user frames: 1215 at boot, 1214 at power-off", 0);
    let mut run = with(&[]);
    run.power_off.heap_used += 64;
    assert_only(&run, BackToBoot, "heap bytes in use", 0);
    let mut run = with(&[]);
    run.power_off.threads += 1;
    assert_only(&run, BackToBoot, "threads: 4 at boot, 5 at power-off", 0);
}

#[test]
fn time_that_goes_back_on_one_cpu() {
    let run = with(&[(0, 5000, mapped(1, 10, 0x50, 1)), (0, 4000, mapped(1, 11, 0x51, 1))]);
    assert_only(&run, TimeGoesOn, "cpu0: an event is 1000 ticks older than the one before it", 2);
}

#[test]
fn faults_of_processes_that_never_began_or_have_ended() {
    assert_only(
        &with(&[(0, 0, mapped(7, 10, 0x50, 1))]),
        LiveProcess,
        "process 7 has a fault but never began",
        1,
    );
    let mut run = with(&[]);
    let end = run.events.last().unwrap().1.tsc;
    run.events.push((CpuId(1), Stamped { tsc: end + 10, event: mapped(1, 10, 0x50, 1) }));
    assert_only(&run, LiveProcess, "process 1 has a fault after its exit", 2);
}

#[test]
fn a_process_that_never_ends_though_the_machine_powers_off() {
    let mut run = with(&[]);
    run.events.pop();
    assert_only(&run, LiveProcess, "process 2 never ended", 1);
    run.bye = Some(Bye::Panic);
    assert!(report(&run).holds(), "after a panic nobody is expected to have ended");
}

#[test]
fn frames_that_appear_or_vanish_between_caches_and_pool() {
    let good = [
        (0, 0, refill(1, 32, 31, 1000)),
        (0, 100, refill(2, 32, 40, 968)),
        (0, 200, drain(3, 32, 33, 1000)),
        (0, 300, drain(4, 0, 0, 1000)), // its last frame went straight to who looked for one
    ];
    assert!(report(&with(&good)).holds());
    let run = with(&[good[0], (0, 100, refill(2, 32, 40, 967))]);
    assert_only(&run, CacheSums, "the pool had 1000 frames, 32 were taken, and it has 967", 2);
    let run = with(&[good[0], good[1], (0, 200, drain(3, 32, 33, 999))]);
    assert_only(&run, CacheSums, "the pool had 968 frames, 32 were given back, and it has 999", 2);
    assert_only(&with(&[(0, 0, refill(1, 0, 3, 1000))]), CacheSums, "moves no frame", 1);
    assert_only(
        &with(&[(0, 0, refill(1, 32, 40, 1200))]),
        CacheSums,
        "more than the 1215 frames there are",
        1,
    );
}

#[test]
fn transfers_recorded_in_another_order_than_they_happened() {
    let run = with(&[
        (0, 100, refill(2, 32, 31, 968)),
        (1, 150, refill(1, 32, 31, 1000)),
        (0, 300, refill(4, 32, 31, 904)),
        (1, 310, refill(3, 32, 31, 936)),
    ]);
    let report = report(&run);
    assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
    assert_eq!((report.of(CacheSums).exercised, report.of(CacheSums).unknown), (4, 0));
}

#[test]
fn a_frame_that_is_lost_between_two_cpus_transfers() {
    let run = with(&[
        (1, 150, refill(2, 32, 31, 967)),
        (0, 300, refill(1, 32, 31, 1000)),
        (0, 310, drain(3, 32, 0, 999)),
    ]);
    assert_only(&run, CacheSums, "the pool had 1000 frames, 32 were taken, and it has 967", 2);
}

#[test]
fn a_transfer_that_is_not_told_or_told_twice() {
    let run = with(&[(0, 100, refill(1, 32, 31, 1000)), (1, 150, refill(3, 32, 31, 936))]);
    assert_only(&run, CacheSums, "transfer 2 of the pool was not told", 2);
    assert_only(
        &with(&[(0, 9, refill(3, 1, 0, 9))]),
        CacheSums,
        "transfers 1 to 2 of the pool were not told",
        1,
    );
    let run = with(&[(0, 100, refill(1, 32, 31, 1000)), (1, 150, refill(1, 32, 31, 1000))]);
    assert_only(&run, CacheSums, "transfer 1 of the pool is told twice", 2);
    let waits = [(0, 100, refill(2, 32, 31, 968)), (1, 150, refill(2, 32, 31, 968))];
    let run = with(&[&waits[..], &[(0, 160, refill(1, 32, 31, 1000))]].concat());
    assert_only(&run, CacheSums, "transfer 2 of the pool is told twice", 2);
}

#[test]
fn made_up_cpus_that_lose_a_frame_in_a_transfer_are_caught() {
    for seed in 0..12 {
        let mut run = Run::new(Plan { seed, cpus: 2 + (seed % 3) as u8, processes: 40, ..Plan::default() });
        let transfers = run.events.iter_mut().filter_map(|(_, stamped)| match &mut stamped.event {
            Event::CacheRefill(t) | Event::CacheDrain(t) => Some(t),
            _ => None,
        });
        // From one transfer on the pool has a frame less than it should.
        let from = 2 + seed as u32 % 2;
        let lost = transfers.filter(|t| t.number >= from).map(|t| t.pool_free -= 1).count();
        assert!(lost > 0, "seed {seed}");
        let report = report(&run);
        let judged = report.of(CacheSums);
        assert_eq!((judged.broken, judged.unknown), (1, 0), "seed {seed}: {:?}", judged.first);
    }
}

#[test]
fn a_breach_far_from_the_damage_is_still_found() {
    let mut run = Run::new(Plan { seed: 4, processes: 60, ..Plan::default() });
    let end = run.events.last().unwrap().1.tsc;
    let stray = PageFree { page: PageId(5), generation: 9, frame: Pfn(1) };
    run.events.push((CpuId(0), Stamped { tsc: end + 5, event: Event::PageFree(stray) }));
    let mut encoded = run.encode();
    let (begin, ..) = encoded.packets[2];
    encoded.bytes[begin + 20] ^= 1;
    let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
    let claim = report.first_broken().unwrap().1;
    assert!(claim.text.contains("page 5 is freed twice"), "{}", claim.text);
}
