//! Runs with too little memory: the invariants of eviction and swap hold, are exercised, and each is broken by a run that was tampered with.

mod common;

use common::{vmtrace, write_run};
use fl_addr::{CpuId, Slot, VirtAddr};
use fl_trace::control::Control;
use fl_trace::event::{Event, EvictOutcome, SlotFreeReason, Stamped};
use fl_trace::packet::Channel;
use proptest::prelude::*;
use vmtrace::Trace;
use vmtrace::check::Invariant::{self, *};
use vmtrace::check::Report;
use vmtrace::synth::{Encoded, Plan, Run, damage};

fn plan(seed: u64) -> Plan {
    Plan { seed, cpus: 1 + (seed % 2) as u8, processes: 3, ..Plan::default() }
}

/// The same on CPUs whose clocks are up to 50 million ticks apart, which is told to within some hundreds.
fn skewed(seed: u64) -> Plan {
    Plan { cpus: 2 + (seed % 3) as u8, skew: 50_000_000, uncertainty: 50 + (seed % 450) as u32, ..plan(seed) }
}

fn report(run: &Run) -> Report {
    Trace::from_bytes(&run.encode().bytes).unwrap().check()
}

/// Tampers with the first event behind a third of the run that `change` takes; what it is about is broken then, with these words.
fn assert_caught(what: Invariant, words: &str, change: impl Fn(&mut Vec<(CpuId, Stamped)>, usize) -> bool) {
    for seed in 0..6 {
        let mut run = Run::under_pressure(plan(seed));
        let from = run.events.len() / 3;
        let done = (from..run.events.len()).any(|at| at < run.events.len() && change(&mut run.events, at));
        assert!(done, "seed {seed}: there is nothing to tamper with");
        let report = report(&run);
        let judged = report.of(what);
        assert!(judged.broken > 0, "seed {seed}: {what:?} is not broken");
        let text = &judged.first.as_ref().unwrap().text;
        assert!(text.contains(words), "seed {seed}: {text}");
    }
}

/// Changes one event in place.
macro_rules! changes {
    ($pattern:pat if $guard:expr => $change:expr) => {
        |events: &mut Vec<(CpuId, Stamped)>, at: usize| match &mut events[at].1.event {
            $pattern if $guard => {
                $change;
                true
            }
            _ => false,
        }
    };
}

/// Takes one event out.
macro_rules! without {
    ($pattern:pat if $guard:expr) => {
        |events: &mut Vec<(CpuId, Stamped)>, at: usize| {
            let found = matches!(&events[at].1.event, $pattern if $guard);
            if found {
                events.remove(at);
            }
            found
        }
    };
}

#[test]
fn a_machine_under_pressure_keeps_every_invariant_and_exercises_those_of_eviction() {
    for seed in 0..20 {
        let report = report(&Run::under_pressure(plan(seed)));
        assert!(report.holds(), "seed {seed}: {:?}", report.first_broken().map(|(_, claim)| claim));
        for invariant in [
            OneOwner,
            OneFrame,
            SlotOwner,
            UnmappedFirst,
            PinnedStays,
            WrittenFirst,
            SlotOrder,
            BlockedThenFault,
            BackToBoot,
            CleanNotSwapped,
        ] {
            let judged = report.of(invariant);
            assert!(judged.exercised > 0 && judged.unknown == 0, "seed {seed}: {invariant:?}");
        }
    }
}

#[test]
fn a_slot_with_two_owners_or_the_wrong_one() {
    assert_caught(SlotOwner, "is given to page", |events, at| {
        let Event::SwapOut(before) = events[at].1.event else { return false };
        let next = events[at + 1..].iter_mut().find_map(|(_, stamped)| match &mut stamped.event {
            Event::SwapOut(out) if out.page != before.page => Some(out),
            _ => None,
        });
        next.map(|out| out.slot = before.slot).is_some()
    });
    let owner =
        changes!(Event::SlotFreed(freed) if freed.reason == SlotFreeReason::Dead => freed.page.0 += 1);
    assert_caught(SlotOwner, "frees slot", owner);
    assert_caught(
        SlotOwner,
        "",
        without!(Event::SlotFreed(freed) if freed.reason == SlotFreeReason::Dirtied),
    );
}

#[test]
fn a_page_that_is_written_while_it_can_be_stored_to() {
    let early = changes!(Event::SwapOut(out) if true => out.time.0 += 100_000_000);
    assert_caught(UnmappedFirst, "is written before it was taken", early);
    let unseen = without!(Event::Evicted(evicted) if evicted.outcome == EvictOutcome::ToSwap);
    assert_caught(UnmappedFirst, "though it was not evicted", unseen);
    let of_file = without!(Event::Evicted(evicted) if evicted.outcome == EvictOutcome::ToFile);
    assert_caught(UnmappedFirst, "loses its frame by a write though it was not evicted", of_file);
}

#[test]
fn a_pinned_page_that_is_evicted() {
    assert_caught(PinnedStays, "is evicted while it is pinned", |events, at| {
        let Event::Pinned(pin) = events[at].1.event else { return false };
        let Some(end) = (at..events.len())
            .find(|&i| matches!(events[i].1.event, Event::Unpinned(unpin) if unpin.page == pin.page))
        else {
            return false;
        };
        let evicted = events[at..end].iter().find_map(|(_, stamped)| match stamped.event {
            Event::Evicted(evicted) => Some(evicted),
            _ => None,
        });
        let Some(evicted) = evicted else { return false };
        // The pin was that page's.
        if let Event::Pinned(pin) = &mut events[at].1.event {
            (pin.page, pin.frame) = (evicted.page, evicted.frame);
        }
        if let Event::Unpinned(pin) = &mut events[end].1.event {
            (pin.page, pin.frame, pin.generation) = (evicted.page, evicted.frame, evicted.generation + 1);
        }
        true
    });
    assert_caught(PinnedStays, "goes that nobody made", without!(Event::Pinned(_) if true));
    assert_caught(
        PinnedStays,
        "is unpinned in frame",
        changes!(Event::Unpinned(pin) if true => pin.frame.0 += 1),
    );
}

#[test]
fn stores_that_are_lost() {
    let dropped = changes!(Event::Evicted(e) if e.dirty => e.outcome = EvictOutcome::Dropped);
    assert_caught(WrittenFirst, "is dropped unwritten", dropped);
    let failed = changes!(Event::SwapOut(out) if true => out.ok = false);
    assert_caught(WrittenFirst, "could not be written and loses frame", failed);
    assert_caught(WrittenFirst, "", without!(Event::WriteBack(_) if true));
    assert_caught(WrittenFirst, "", without!(Event::SwapOut(_) if true));
}

#[test]
fn a_slot_that_is_read_too_early_or_written_too_early() {
    let other = changes!(Event::SwapIn(read) if true => read.slot = Slot(read.slot.0 ^ 1));
    assert_caught(SlotOrder, "is read from slot", other);
    assert_caught(
        SlotOrder,
        "before its write",
        changes!(Event::SwapIn(read) if true => read.generation = 1),
    );
    assert_caught(SlotOrder, "is written for page", |events, at| {
        let Event::SlotFreed(freed) = events[at].1.event else { return false };
        let next = events[at + 1..].iter_mut().find_map(|(_, stamped)| match &mut stamped.event {
            Event::SwapOut(out) if out.slot == freed.slot => Some(out),
            _ => None,
        });
        next.map(|out| out.time.0 += 1 << 40).is_some()
    });
}

#[test]
fn a_fault_that_sleeps_and_never_ends_or_another_one_does() {
    assert_caught(BlockedThenFault, "", |events, at| {
        let Event::FaultBlocked(blocked) = events[at].1.event else { return false };
        let fault = (at..events.len())
            .find(|&i| matches!(events[i].1.event, Event::Fault(fault) if fault.pid == blocked.pid));
        fault.map(|i| events.remove(i)).is_some()
    });
    let elsewhere = changes!(Event::FaultBlocked(blocked) if true => blocked.va = VirtAddr(0x1000));
    assert_caught(BlockedThenFault, "", elsewhere);
}

#[test]
fn what_has_a_copy_and_goes_to_swap_all_the_same() {
    let clean = changes!(Event::Evicted(e) if !e.dirty => e.outcome = EvictOutcome::ToSwap);
    assert_caught(CleanNotSwapped, "is to be written to swap", clean);
    let file =
        changes!(Event::Evicted(e) if e.outcome == EvictOutcome::ToFile => e.outcome = EvictOutcome::ToSwap);
    assert_caught(CleanNotSwapped, "of a mapped file is to be written to swap", file);
}

#[test]
fn a_slot_that_is_not_back_at_power_off() {
    let mut run = Run::under_pressure(plan(1));
    run.power_off.slots_free -= 1;
    let first = report(&run).of(BackToBoot).first.clone().unwrap();
    assert!(first.text.contains("free swap slots: 200 at boot, 199 at power-off"), "{}", first.text);
}

/// The stream without its hellos, which come in packets with others of the control channel.
fn without_hellos(encoded: &Encoded) -> Vec<u8> {
    let is_hello = |frame: &[u8]| {
        let packet = fl_trace::decode::decode(&frame[..frame.len() - 1]).unwrap();
        packet.controls().any(|control| matches!(control, Ok(Control::Hello(_))))
    };
    let frames = encoded.packets.iter().map(|&(begin, end, ..)| &encoded.bytes[begin..end]);
    frames.filter(|frame| !is_hello(frame)).flatten().copied().collect()
}

#[test]
fn clocks_that_are_millions_of_ticks_apart_are_put_right_before_anything_looks_at_them() {
    for seed in 0..20 {
        for (plan, play) in [
            (skewed(seed), Run::under_pressure as fn(Plan) -> Run),
            (Plan { processes: 20, ..skewed(seed) }, Run::new),
        ] {
            let (straight, run) = (play(Plan { skew: 0, ..plan }), play(plan));
            assert!(run.ahead.iter().any(|ahead| ahead.unsigned_abs() > 1_000_000), "seed {seed}");
            let trace = Trace::from_bytes(&run.encode().bytes).unwrap();
            assert_eq!(trace.events().len(), straight.events.len());
            for (cpu, _) in &straight.events {
                let of = |cpu: CpuId| trace.events().iter().filter(move |seen| seen.cpu == cpu);
                let true_times = straight.events.iter().filter(|(other, _)| other == cpu);
                assert!(
                    of(*cpu).zip(true_times).all(|(seen, (_, stamped))| seen.event == stamped.event
                        && seen.tsc.abs_diff(stamped.tsc) <= plan.uncertainty.into()),
                    "seed {seed}, cpu {cpu}"
                );
            }
            let report = trace.check();
            assert!(report.holds(), "seed {seed}: {:?}", report.first_broken().map(|(_, claim)| claim));
            assert!(report.results.iter().all(|(_, judged)| judged.unknown == 0), "seed {seed}");
        }
    }
}

#[test]
fn a_hello_that_comes_late_puts_right_what_came_before_it() {
    let encoded = Run::under_pressure(skewed(2)).encode();
    let frames = |range: std::ops::Range<usize>, wanted: fn(Channel) -> bool| {
        let packets = encoded.packets[range].iter().filter(move |(_, _, channel, ..)| wanted(*channel));
        packets.flat_map(|&(begin, end, ..)| encoded.bytes[begin..end].to_vec())
    };
    // The events of the first packets come before the hello, which the first of all holds.
    let events = |channel| channel == Channel::Events;
    let stream: Vec<u8> = frames(0..20, events)
        .chain(frames(0..20, |channel| channel != Channel::Events))
        .chain(frames(20..encoded.packets.len(), |_| true))
        .collect();
    let (late, in_time) = (Trace::from_bytes(&stream).unwrap(), Trace::from_bytes(&encoded.bytes).unwrap());
    assert!(frames(0..20, events).count() > 0);
    assert!(late.events() == in_time.events());
}

#[test]
fn breaches_are_found_though_clocks_differ() {
    for seed in 0..6 {
        let mut run = Run::under_pressure(skewed(seed));
        let third = run.events.len() / 3;
        let out = run.events.iter_mut().skip(third).find_map(|(_, stamped)| match &mut stamped.event {
            Event::SwapOut(out) => Some(out),
            _ => None,
        });
        out.unwrap().frame.0 += 1;
        assert_eq!(report(&run).of(OneFrame).broken, 1, "seed {seed}");
    }
}

/// How hard to try; PROPTEST_CASES says otherwise, PROPTEST_RNG_SEED which cases.
fn effort() -> ProptestConfig {
    let usual = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { usual } else { ProptestConfig { cases: 64, ..usual } }
}

proptest! {
    #![proptest_config(effort())]

    /// What a damaged stream does not tell is unknown, and nothing is called broken for it.
    #[test]
    fn loss_breaks_nothing(seed in 0u64..1000, every in 1usize..12, cut in 0usize..2000) {
        let mut encoded = Run::under_pressure(plan(seed)).encode();
        damage(&mut encoded, seed, every << 10, cut);
        let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
        prop_assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
    }

    /// Nor for what the kernel dropped because its rings were full, for a moment or all the time.
    #[test]
    fn drops_break_nothing(seed in 0u64..1000, ring in 50u32..1500, link in proptest::option::of(1usize..6)) {
        let mut run = Run::under_pressure(skewed(seed));
        (run.hello.ring_events, run.link) = (ring, link);
        let encoded = run.encode();
        let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
        prop_assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
        prop_assert_eq!(report.lossy, encoded.dropped > 0);
    }

    /// The same with clocks that are far apart, and on a machine whose CPUs all move frames.
    #[test]
    fn loss_breaks_nothing_where_clocks_differ(seed in 0u64..1000, every in 1usize..12, cut in 0usize..2000) {
        for run in [Run::under_pressure(skewed(seed)), Run::new(Plan { processes: 20, ..skewed(seed) })] {
            let mut encoded = run.encode();
            damage(&mut encoded, seed, every << 10, cut);
            let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
            prop_assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
        }
    }

    /// Without a hello nobody knows how the clocks stand.
    #[test]
    fn clocks_of_which_nothing_is_known_break_nothing(seed in 0u64..1000) {
        for run in [Run::under_pressure(skewed(seed)), Run::new(Plan { processes: 20, ..skewed(seed) })] {
            let report = Trace::from_bytes(&without_hellos(&run.encode())).unwrap().check();
            prop_assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
        }
    }
}

#[test]
fn the_table_names_them_all() {
    let dir = tempfile::tempdir().unwrap();
    let done = vmtrace(&["check", &write_run(dir.path(), &Run::under_pressure(plan(3)))]);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    for number in [1, 2, 3, 5, 6, 8, 9, 10, 17, 19] {
        let line = done.out.lines().find(|line| line.starts_with(&format!("{number:>5}  "))).unwrap();
        assert!(line.ends_with("holds"), "{line}");
    }
}
