//! What became of memory, as lanes of the timeline: free frames, pages evicted, written to swap and read again.

use super::timeline::Axis;
use crate::model::clock::count_text;
use crate::model::history::History;
use crate::model::memory::{Move, Moves};
use crate::view::paint::{Look, move_style};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns of the longest name of a lane.
pub(super) const NAME: usize = 11;

/// The machine's lanes, below those of the processes. Nothing if memory was never short.
pub(super) fn lanes(history: &History, look: &Look, axis: Axis) -> String {
    let mut text = String::new();
    if !history.moves.any() {
        return text;
    }
    text.push('\n');
    let Axis { first, last, columns, name_width } = axis;
    let edge = look.dim(look.pick("\u{2502}", "|"));
    if let (Some((lowest, _)), Some(hello)) = (history.free.range(), history.hello) {
        let free = history.free.columns(first, last + 1, columns, hello.user_frames);
        let lane: String = free
            .into_iter()
            .map(|free| {
                let style = if free < hello.frames_low { AnsiColor::Red } else { AnsiColor::Green };
                look.paint(style.on_default(), &look.spark([free.into()], hello.user_frames.into()))
            })
            .collect();
        let total = count_text(hello.user_frames.into());
        let _ = writeln!(
            text,
            "  {:<name_width$} {edge}{lane}{edge} {}",
            "free frames",
            look.dim(&format!("{lowest}..{total}"))
        );
    }
    let all = history.moves.bins.columns(first, last + 1, columns);
    let max = all.iter().flatten().copied().max().unwrap_or(0);
    for moved in Move::ALL {
        let n = history.moves.counts[moved as usize];
        if n > 0 {
            let lane = look.spark(all.iter().map(|counts| counts[moved as usize]), max);
            let lane = look.paint(move_style(moved), &lane);
            let name = moved.word();
            let _ = writeln!(text, "  {name:<name_width$} {edge}{lane}{edge} {}", count_text(n));
        }
    }
    text
}

/// What the colours mean, for what occurs.
pub(super) fn legend(history: &History, look: &Look) -> String {
    let mut text = String::new();
    for moved in Move::ALL {
        let n = history.moves.counts[moved as usize];
        if n > 0 {
            let mark = format!("{} {:<10}", look.pick("\u{2588}", "*"), moved.word());
            let mark = look.paint(move_style(moved), &mark);
            let _ = writeln!(text, "  {mark} {:>9}  {}", count_text(n), look.dim(moved.explained()));
        }
    }
    text
}

/// A process's lane by columns if it has no faults: how many pages, in the colour of what most did.
pub(super) fn strokes(moves: &Moves, (first, last): (u64, u64), columns: usize) -> Vec<(u64, Style)> {
    let stroke = |counts: [u64; Move::ALL.len()]| {
        let most = Move::ALL.into_iter().max_by_key(|&m| (counts[m as usize], m as usize));
        (counts.iter().sum(), move_style(most.unwrap_or(Move::Evicted)))
    };
    moves.bins.columns(first, last + 1, columns).into_iter().map(stroke).collect()
}

/// A lane for each over a process's own life, below those of its faults.
pub(super) fn of_process(moves: &Moves, (born, dead): (u64, u64), columns: usize, look: &Look) -> String {
    let all = moves.bins.columns(born, dead + 1, columns);
    let max = all.iter().flatten().copied().max().unwrap_or(0);
    let edge = look.dim(look.pick("\u{2502}", "|"));
    let mut text = String::new();
    for moved in Move::ALL.into_iter().filter(|&moved| moves.counts[moved as usize] > 0) {
        let name = look.paint(move_style(moved), &format!("{:<10}", moved.word()));
        let spark = look.spark(all.iter().map(|counts| counts[moved as usize]), max);
        let spark = look.paint(move_style(moved), &spark);
        let _ =
            writeln!(text, "  {:>6} {name} {edge}{spark}{edge}", count_text(moves.counts[moved as usize]));
    }
    text
}

/// Counts for machines.
pub(super) fn json(moves: &Moves) -> Value {
    let [evicted, out, back] = moves.counts;
    json!({ "evicted": evicted, "swapped_out": out, "swapped_in": back })
}
