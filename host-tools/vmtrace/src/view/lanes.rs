//! What each CPU did, as lanes of the timeline, where there are several.

use super::timeline::Axis;
use crate::model::clock::count_text;
use crate::model::history::History;
use crate::model::lanes::Work;
use crate::view::paint::{Look, work_style};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns of the longest word for what a CPU does, and of the longest name of a lane.
const WORD: usize = 9;
pub(super) const NAME: usize = "cpu0 ".len() + WORD;

/// Whether there are lanes to show.
pub(super) fn any(history: &History) -> bool {
    history.hello.is_some_and(|hello| hello.cpus > 1) && !history.cpus.is_empty()
}

/// The lanes, a group for each CPU; those of one kind have one scale, so that CPUs can be compared.
pub(super) fn lanes(history: &History, look: &Look, axis: Axis) -> String {
    if !any(history) {
        return String::new();
    }
    let Axis { first, last, columns, name_width } = axis;
    let edge = look.dim(look.pick("\u{2502}", "|"));
    let bins: Vec<_> = history.cpus.iter().map(|lane| lane.bins.columns(first, last + 1, columns)).collect();
    let mut text = String::from("\n");
    for (cpu, (lane, bins_of)) in history.cpus.iter().zip(&bins).enumerate() {
        let mut name = format!("cpu{cpu}");
        for work in Work::ALL.into_iter().filter(|&work| lane.counts[work as usize] > 0) {
            let of = work as usize;
            let max = bins.iter().flatten().map(|counts| counts[of]).max().unwrap_or(0);
            let spark = look.spark(bins_of.iter().map(|counts| counts[of]), max);
            let spark = look.paint(work_style(work), &spark);
            // The name stands before the first of its lanes only.
            let label = format!("{name:<4} {:<WORD$}", work.word());
            name.clear();
            let mut count = count_text(lane.counts[of]);
            if work == Work::Shootdown {
                let _ = write!(count, " in {}", history.clock.duration(lane.waited));
            }
            let _ = writeln!(text, "  {label:<name_width$} {edge}{spark}{edge} {count}");
        }
    }
    text
}

/// Counts for machines.
pub(super) fn json(history: &History) -> Value {
    let cpu = |(cpu, lane): (usize, &crate::model::lanes::CpuLane)| {
        let [faults, evicted, shootdowns, transfers] = lane.counts;
        json!({
            "cpu": cpu, "faults": faults, "evicted": evicted, "shootdowns": shootdowns,
            "shootdown_wait_ticks": lane.waited, "transfers": transfers,
        })
    };
    history.cpus.iter().enumerate().map(cpu).collect()
}
