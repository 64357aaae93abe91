//! What happens to a page on its way to swap and back, as sentences: a part of [`super::life`].

use super::life::{named, process};
use crate::model::life::Life;
use crate::view::damage::plural;
use fl_trace::event::{BlockedOn, Event, EvictOutcome, Evicted, SlotFreeReason, SwapIn, SwapOut};

/// The sentence; `None`: it is about something else.
pub fn words(life: &Life, event: &Event) -> Option<String> {
    Some(match event {
        Event::Evicted(evicted) => eviction(life, evicted),
        Event::SwapOut(out) => swap_out(life, out),
        Event::SwapIn(read) => swap_in(life, read),
        Event::SlotFreed(freed) => {
            let why = match freed.reason {
                SlotFreeReason::Dirtied => "its copy is stale: the page was stored to",
                SlotFreeReason::Reclaimed => "slots are short, and the page has a frame",
                SlotFreeReason::Dead => "the page is no more",
                SlotFreeReason::WriteFailed => "the write to it failed",
            };
            format!("{}slot {} is free: {why}", named(life, freed.page), freed.slot)
        }
        Event::FaultBlocked(blocked) => {
            let on = match blocked.on {
                BlockedOn::Frame => "for a free frame",
                BlockedOn::Page => "until the page can be had: somebody loads or writes it",
                BlockedOn::Disk => "for the disk",
            };
            let who = process(life, blocked.pid);
            format!("{}{who} sleeps in its fault at {} {on}", named(life, blocked.page), blocked.va)
        }
        Event::Pinned(pin) => {
            format!("{}pinned in frame {} for {}", named(life, pin.page), pin.frame, process(life, pin.pid))
        }
        Event::Unpinned(pin) => {
            format!("{}unpinned in frame {} for {}", named(life, pin.page), pin.frame, process(life, pin.pid))
        }
        Event::AccessSample(sample) => {
            let used = if sample.accessed { "used" } else { "not used" };
            let dirty = if sample.dirty { "dirty" } else { "clean" };
            let who = process(life, sample.pid);
            format!("{}{used} by {who} at {} of late; {dirty}", named(life, sample.page), sample.va)
        }
        _ => return None,
    })
}

fn eviction(life: &Life, evicted: &Evicted) -> String {
    let state = if evicted.dirty { "dirty" } else { "clean" };
    let fate = match evicted.outcome {
        EvictOutcome::Dropped => format!("frame {} is free at once", evicted.frame),
        EvictOutcome::ToSwap => format!("to be written to swap from frame {}", evicted.frame),
        EvictOutcome::ToFile => format!("to be written to its file from frame {}", evicted.frame),
        EvictOutcome::Rescued => "somebody wants it meanwhile: it stays".into(),
        EvictOutcome::NoSlot => "there is no slot for it: it stays".into(),
        EvictOutcome::Dead => "it died meanwhile".into(),
    };
    format!(
        "{}chosen by the {} from {} at {} ({}, {state}, {} after it came): {fate}",
        named(life, evicted.page),
        evicted.by.word(),
        process(life, evicted.pid),
        evicted.va,
        evicted.reason.word(),
        plural(evicted.age.into(), "eviction"),
    )
}

fn swap_out(life: &Life, out: &SwapOut) -> String {
    let page = named(life, out.page);
    let request = match out.run {
        0 | 1 => String::new(),
        n => format!(" with {}", plural(u64::from(n) - 1, "other page")),
    };
    let time = life.clock.duration(out.time.0);
    match (out.ok, out.kept) {
        (true, false) => {
            format!("{page}written to slot {}{request} in {time}; frame {} is free", out.slot, out.frame)
        }
        (true, true) => {
            let slot = out.slot;
            format!(
                "{page}written to slot {slot}{request} in {time}; wanted meanwhile, it stays in frame {}",
                out.frame
            )
        }
        (false, _) => {
            format!(
                "{page}could not be written to slot {} ({time}): it stays in frame {}",
                out.slot, out.frame
            )
        }
    }
}

fn swap_in(life: &Life, read: &SwapIn) -> String {
    let page = named(life, read.page);
    let time = life.clock.duration(read.time.0);
    let ahead = if read.readahead { " ahead" } else { "" };
    match read.ok {
        true => format!(
            "{page}read{ahead} from slot {} into frame {} in {time}, {} after its own",
            read.slot,
            read.frame,
            plural(read.distance.into(), "eviction")
        ),
        false => format!(
            "{page}could not be read from slot {} ({time}); frame {} is given back",
            read.slot, read.frame
        ),
    }
}
