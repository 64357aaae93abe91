//! The timeline for people: an overview of all processes on one axis of time, then each process's faults by page.
//!
//! Where memory was short, `memory` adds what became of it.

use crate::model::clock::{Clock, count_text};
use crate::model::history::{History, Lane};
use crate::model::memory::Moves;
use crate::model::names::{self, FAULT_KINDS};
use crate::model::process::Process;
use crate::model::runs::Run;
use crate::view::damage::plural;
use crate::view::paint::{Cell, Look, Table, kind_style};
use crate::view::{lanes, memory};
use anstyle::Style;
use fl_trace::event::{Access, Outcome};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Processes.
    pub processes: usize,
    /// Runs of pages per process.
    pub runs: usize,
}

/// One line that says what this is, then the overview.
pub fn overview(history: &History, name: &str, look: &Look, limits: Limits) -> String {
    let Some((first, last)) = history.span else { return format!("{name}: no event to show\n") };
    let clock = &history.clock;
    let cpus = history.hello.map_or(1, |hello| hello.cpus.into());
    let speed = clock.hz.map_or(String::new(), |hz| format!(" at {:.2} GHz", hz as f64 / 1e9));
    let shown: Vec<usize> = (0..history.processes.all().len()).filter(|&i| is_shown(history, i)).collect();
    let mut text = format!(
        "{} {} from {} to {} after boot, {}{speed}, {}, {}\n",
        look.head(name),
        clock.duration(last - first),
        clock.moment(first),
        clock.moment(last),
        plural(cpus, "CPU"),
        plural(shown.len() as u64, "process"),
        match history.faults() {
            0 if history.moves.any() => plural(moved(&history.moves), "page"),
            n => plural(n, "fault"),
        },
    );
    if shown.is_empty() {
        return text;
    }
    text.push('\n');
    let names: Vec<String> = shown.iter().map(|&i| label(&history.processes.all()[i])).collect();
    let name_width = names.iter().take(limits.processes).map(|n| n.chars().count()).max().unwrap_or(0).max(4);
    let name_width = if history.moves.any() { name_width.max(memory::NAME) } else { name_width };
    let name_width = if lanes::any(history) { name_width.max(lanes::NAME) } else { name_width };
    let counts: Vec<String> = shown.iter().map(|&i| count_of(history, i)).collect();
    let count_width = counts.iter().take(limits.processes).map(String::len).max().unwrap_or(0);
    // Two blanks at the left, " |" and "| " around the lane.
    let columns = look.width.saturating_sub(name_width + count_width + 7).clamp(20, 400);
    let max = shown
        .iter()
        .filter_map(|&i| history.lanes.get(i)?.as_deref())
        .flat_map(|lane| strokes(lane, (first, last), columns))
        .map(|(sum, _)| sum)
        .max()
        .unwrap_or(0);
    for ((&i, name), count) in shown.iter().zip(&names).zip(&counts).take(limits.processes) {
        let lane = lane(history, i, (first, last), columns, max, look);
        let edge = look.dim(look.pick("\u{2502}", "|"));
        let _ = writeln!(text, "  {name:<name_width$} {edge}{lane}{edge} {count:>count_width$}");
    }
    if shown.len() > limits.processes {
        let _ = writeln!(
            text,
            "  and {} more (--all shows them)",
            plural((shown.len() - limits.processes) as u64, "process")
        );
    }
    let (from, to) = (clock.moment(first), clock.moment(last));
    let gap = columns.saturating_sub(from.len() + to.len());
    let _ = writeln!(text, "  {:name_width$}  {}", "", look.dim(&format!("{from}{}{to}", " ".repeat(gap))));
    let axis = Axis { first, last, columns, name_width };
    text += &memory::lanes(history, look, axis);
    text += &lanes::lanes(history, look, axis);
    text + &legend(history, look) + &memory::legend(history, look)
}

/// Where lanes stand and what they span.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) columns: usize,
    /// Columns for the names before the lanes.
    pub(super) name_width: usize,
}

/// What a process's lane shows, in a few words: its faults, or if it has none here what became of its pages.
fn count_of(history: &History, i: usize) -> String {
    match (faults_of(history, i), history.lanes.get(i).and_then(Option::as_deref)) {
        (0, Some(lane)) if lane.moves.any() => plural(moved(&lane.moves), "page"),
        (faults, _) => plural(faults, "fault"),
    }
}

/// Pages that were evicted, or as many as went and came if evictions are not shown.
fn moved(moves: &Moves) -> u64 {
    let [evicted, out, back] = moves.counts;
    evicted.max(out + back)
}

/// A lane by columns: how much happened, and in what colour. Faults, or if there are none what became of pages.
fn strokes(lane: &Lane, (first, last): (u64, u64), columns: usize) -> Vec<(u64, Style)> {
    if lane.kinds.iter().all(|&n| n == 0) {
        return memory::strokes(&lane.moves, (first, last), columns);
    }
    let stroke = |kinds: [u64; FAULT_KINDS.len()]| {
        let most = (0..kinds.len()).max_by_key(|&k| (kinds[k], k)).unwrap_or(0);
        (kinds.iter().sum(), kind_style(FAULT_KINDS[most]))
    };
    lane.bins.columns(first, last + 1, columns).into_iter().map(stroke).collect()
}

/// What the colours mean, for the kinds that occur.
fn legend(history: &History, look: &Look) -> String {
    let mut text = String::new();
    for (i, kind) in FAULT_KINDS.into_iter().enumerate() {
        let n: u64 = history.lanes.iter().flatten().map(|lane| lane.kinds[i]).sum();
        if n > 0 {
            let mark = look.paint(
                kind_style(kind),
                &format!("{} {:<10}", look.pick("\u{2588}", "*"), names::kind(kind)),
            );
            let _ =
                writeln!(text, "  {mark} {:>9}  {}", count_text(n), look.dim(names::kind_explained(kind)));
        }
    }
    text
}

/// Whether an event of the process passed the filter.
fn is_shown(history: &History, i: usize) -> bool {
    history.lanes.get(i).is_some_and(Option::is_some)
}

fn faults_of(history: &History, i: usize) -> u64 {
    history.lanes.get(i).and_then(Option::as_ref).map_or(0, |lane| lane.kinds.iter().sum())
}

fn sum_of(history: &History, i: usize) -> u64 {
    history.lanes.get(i).and_then(Option::as_ref).map_or(0, |lane| lane.ticks.iter().sum())
}

fn label(process: &Process) -> String {
    format!("{} {}", process.pid, process.name_text())
}

/// A process's lane: how many faults, in the colour of the commonest kind; a dot where it lives without faults.
fn lane(
    history: &History,
    i: usize,
    (first, last): (u64, u64),
    columns: usize,
    max: u64,
    look: &Look,
) -> String {
    let none = Lane::default();
    let lane = history.lanes.get(i).and_then(Option::as_deref).unwrap_or(&none);
    let (born, dead) = history.processes.all()[i].life();
    let column = |tsc: u64| {
        let at = tsc.clamp(first, last) - first;
        (u128::from(at) * columns as u128 / u128::from(last + 1 - first)) as usize
    };
    let alive = column(born)..=column(dead);
    let mut text = String::new();
    for (at, (sum, style)) in strokes(lane, (first, last), columns).into_iter().enumerate() {
        text += &match sum {
            0 if alive.contains(&at) => look.dim(look.pick("\u{b7}", "_")),
            0 => " ".into(),
            sum => look.paint(style, &look.spark([sum], max)),
        };
    }
    text
}

/// One process: who it was, and its faults, those on neighbouring pages in one line.
pub fn process(history: &History, i: usize, look: &Look, limits: Limits) -> String {
    let clock = &history.clock;
    let process = &history.processes.all()[i];
    let (born, dead) = process.life();
    let lane = history.lanes.get(i).and_then(Option::as_deref);
    let mut text = format!(
        "\n{} {} to {} ({}), {}; {}\n",
        look.head(&format!("{} (pid {})", process.name_text(), process.pid)),
        clock.moment(born),
        clock.moment(dead),
        clock.duration(dead.saturating_sub(born)),
        if process.exit.is_some_and(|exit| exit.status != 0) {
            look.bad(&process.end_text())
        } else {
            process.end_text()
        },
        match faults_of(history, i) {
            0 if lane.is_some_and(|lane| lane.moves.any()) => {
                lane.map_or(String::new(), |lane| plural(moved(&lane.moves), "page"))
            }
            0 => "no fault".into(),
            n => format!("{} in {}", plural(n, "fault"), clock.duration(sum_of(history, i))),
        },
    );
    let Some(lane) = lane else { return text };
    text += &kinds(lane, born, dead, clock, look);
    if lane.kinds == [0; FAULT_KINDS.len()] {
        return text;
    }
    let runs = lane.runs.all();
    let mut table = Table::new(&["after", "pages from", "to", "pages", "kind", "access", "each took", ""]);
    for run in runs.iter().take(limits.runs) {
        table.row(row(clock, born, run));
    }
    text += &table.text(look);
    let listed: u64 = runs.iter().take(limits.runs).map(|run| run.faults).sum();
    let left = faults_of(history, i) - listed;
    if left > 0 {
        let _ = writeln!(
            text,
            "  and {} on other pages (--all shows more, --raw every one)",
            plural(left, "fault")
        );
    }
    text
}

/// One lane per kind of fault over the process's own life, all to one scale.
fn kinds(lane: &Lane, born: u64, dead: u64, clock: &Clock, look: &Look) -> String {
    let columns = look.width.saturating_sub(39).clamp(20, 400);
    let bins = lane.bins.columns(born, dead + 1, columns);
    let max = bins.iter().flatten().copied().max().unwrap_or(0);
    let edge = look.dim(look.pick("\u{2502}", "|"));
    let mut text = String::new();
    for (i, kind) in FAULT_KINDS.into_iter().enumerate().filter(|(i, _)| lane.kinds[*i] > 0) {
        let name = look.paint(kind_style(kind), &format!("{:<10}", names::kind(kind)));
        let spark = look.paint(kind_style(kind), &look.spark(bins.iter().map(|kinds| kinds[i]), max));
        let mean = clock.duration(lane.ticks[i] / lane.kinds[i]);
        let _ = writeln!(text, "  {:>6} {name} {edge}{spark}{edge} mean {mean}", count_text(lane.kinds[i]));
    }
    text + &memory::of_process(&lane.moves, (born, dead), columns, look)
}

fn row(clock: &Clock, born: u64, run: &Run) -> Vec<Cell> {
    let access: String = [Access::Read, Access::Write, Access::Execute]
        .into_iter()
        .filter(|a| run.access[*a as usize])
        .map(names::access_letter)
        .collect();
    let mut notes = Vec::new();
    if run.outcome != Outcome::Mapped {
        notes.push(names::outcome(run.outcome).to_string());
    }
    if run.by_kernel {
        notes.push("by a system call".into());
    }
    if run.faults != run.pages() {
        notes.push(plural(run.faults, "fault"));
    }
    vec![
        Cell::right(clock.duration(run.first.saturating_sub(born))),
        Cell::right(run.low.start().to_string()),
        Cell::right(if run.pages() > 1 { run.high.start().to_string() } else { String::new() }),
        Cell::right(count_text(run.pages())),
        Cell::left(names::kind(run.kind)).style(kind_style(run.kind)),
        Cell::left(access),
        Cell::right(range_text(clock, run.min, run.max)),
        Cell::left(notes.join(", ")),
    ]
}

/// `310 ns`, or `310 ns - 1.2 us`; one unit if both have the same.
fn range_text(clock: &Clock, min: u64, max: u64) -> String {
    let (low, high) = (clock.duration(min), clock.duration(max));
    if low == high {
        return low;
    }
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, a)), Some((high, b))) if a == b => format!("{low}-{high} {a}"),
        _ => format!("{low} - {high}"),
    }
}

/// The timeline as JSON.
pub fn json(history: &History, loss: Value) -> Value {
    let clock = &history.clock;
    let processes: Vec<Value> = (0..history.processes.all().len())
        .filter(|&i| is_shown(history, i))
        .map(|i| {
            let process = &history.processes.all()[i];
            let none = Lane::default();
            let lane = history.lanes.get(i).and_then(Option::as_deref).unwrap_or(&none);
            let runs: Vec<Value> = lane
                .runs
                .all()
                .iter()
                .map(|run| {
                    json!({
                        "first_page": run.low.start().to_string(), "last_page": run.high.start().to_string(),
                        "pages": run.pages(), "faults": run.faults, "kind": names::kind(run.kind),
                        "outcome": names::outcome(run.outcome), "min_ticks": run.min, "max_ticks": run.max,
                        "first_ticks": clock.since_boot(run.first), "last_ticks": clock.since_boot(run.last),
                    })
                })
                .collect();
            json!({
                "pid": process.pid.0, "name": process.name_text(), "parent": process.parent.map(|p| p.0),
                "begin_ticks": clock.since_boot(process.life().0), "end_ticks": clock.since_boot(process.life().1),
                "status": process.exit.map(|e| e.status), "cause": process.exit.map(|e| names::cause(e.cause)),
                "faults": FAULT_KINDS.iter().zip(lane.kinds).map(|(k, n)| (names::kind(*k).to_string(), json!(n)))
                    .collect::<serde_json::Map<_, _>>(),
                "moves": memory::json(&lane.moves), "fault_ticks": lane.ticks.iter().sum::<u64>(), "runs": runs,
                "faults_in_no_run": faults_of(history, i) - lane.runs.all().iter().map(|run| run.faults).sum::<u64>(),
            })
        })
        .collect();
    json!({
        "tsc_hz": clock.hz, "cpus": history.hello.map(|h| h.cpus),
        "first_ticks": history.span.map(|(first, _)| clock.since_boot(first)),
        "last_ticks": history.span.map(|(_, last)| clock.since_boot(last)),
        "by_cpu": lanes::json(history), "moves": memory::json(&history.moves), "lowest_free_frames": history.free.range().map(|(low, _)| low),
        "processes": processes, "loss": loss,
    })
}
