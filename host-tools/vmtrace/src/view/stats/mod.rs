//! The statistics of a run as tables and as JSON: [`Page`] is the whole; one file per part.

mod cpus;
mod faults;
mod json;
mod kernel;
mod reclaim;

use crate::model::clock::{Clock, count_text, nanos_text};
use crate::model::latency::{Bound, Latency};
use crate::model::names;
use crate::model::stats::{Account, Stats};
use crate::view::damage::plural;
use crate::view::paint::{Cell, Look, Table};
use crate::wire::loss::LossReport;
use std::fmt::Write as _;

/// The percentiles shown, in every table.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

/// In what a duration is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Unit {
    /// ns, us, ms
    #[default]
    Time,
    /// Ticks of the time-stamp counter (with --icount: instructions)
    Ticks,
}

/// What a view of statistics needs besides the statistics.
pub struct Page<'s> {
    /// The statistics.
    pub stats: &'s Stats,
    /// What did not arrive.
    pub loss: &'s LossReport,
    /// How it is to look.
    pub look: Look,
    /// In what durations are written.
    pub unit: Unit,
    /// Rows of the table of processes.
    pub rows: usize,
}

impl Page<'_> {
    pub(in crate::view) fn clock(&self) -> Clock {
        match self.unit {
            Unit::Time => self.stats.clock,
            Unit::Ticks => Clock { hz: None, ..self.stats.clock },
        }
    }

    /// A duration; without its unit in ticks, because the heading says it.
    pub(in crate::view) fn time(&self, ticks: f64) -> String {
        match self.clock().hz {
            Some(hz) => nanos_text(ticks * 1e9 / hz as f64),
            None => count_text(ticks.round() as u64),
        }
    }

    /// Faults that may be missing from any row.
    fn lost(&self) -> u64 {
        self.stats.faults_lost().unwrap_or_else(|| self.loss.events_missing())
    }

    /// The statistics as text.
    pub fn text(&self) -> String {
        let stats = self.stats;
        let mut text = self.summary();
        let faults = stats.all_faults();
        if faults.count() == 0 {
            text += "\nNo fault was received.\n";
        } else {
            if self.lost() > 0 {
                let _ = writeln!(
                    text,
                    "\n{} {} not here: a percentile that it could move is written as the range it lies in.",
                    self.look.warn("BOUNDS:"),
                    if self.stats.faults_lost().is_some() {
                        format!(
                            "{} {}",
                            plural(self.lost(), "fault"),
                            if self.lost() == 1 { "is" } else { "are" }
                        )
                    } else {
                        format!("up to {} may be", plural(self.lost(), "fault"))
                    }
                );
            }
            text += &self.faults(&faults);
        }
        text += &self.reclaim();
        text += &self.cpus();
        text += &self.transfers();
        text += &self.locks();
        text += &self.disks();
        text += &self.accounts();
        text += &self.histograms();
        text
    }

    fn summary(&self) -> String {
        let stats = self.stats;
        let mut text = String::new();
        let cpus = stats.hello.map_or(1, |hello| hello.cpus.into());
        let hz = stats.clock.hz.map_or("unknown speed".into(), |hz| format!("{:.2} GHz", hz as f64 / 1e9));
        let (first, last) = stats.span.unwrap_or_default();
        let end = stats
            .bye
            .map_or("its end was not received".into(), |bye| format!("ended by {}", names::bye(bye)));
        let _ = writeln!(
            text,
            "{} {} of events on {} at {hz}, {end}",
            self.look.head("Run   "),
            self.stats.clock.duration(last.saturating_sub(first)),
            plural(cpus, "CPU"),
        );
        let received: u64 = stats.received.iter().sum();
        let _ = writeln!(
            text,
            "{} {} received: {}",
            self.look.head("Events"),
            count_text(received),
            self.verdict()
        );
        text
    }

    /// Whether all events are here.
    fn verdict(&self) -> String {
        let look = &self.look;
        let Some(accounts) = self.stats.accounts() else {
            let missing = self.loss.events_missing();
            return if missing == 0 {
                look.warn("none is known to be missing, but the kernel's counters were not received")
            } else {
                look.bad(&format!(
                    "at least {} missing; the kernel's counters were not received",
                    count_text(missing)
                ))
            };
        };
        let sum = |f: fn(&Account) -> i64| accounts.iter().map(f).sum::<i64>();
        let (emitted, dropped) = (sum(|a| a.emitted as i64), sum(|a| a.dropped as i64));
        let missing = sum(Account::missing);
        if self.stats.final_counters().is_none() {
            return look.warn(&format!(
                "the run's last counters were not received; the newest speak of {} emitted, {} dropped",
                count_text(emitted as u64),
                count_text(dropped as u64)
            ));
        }
        match (dropped, missing) {
            (0, 0) => look.good("complete, this is every event that the kernel emitted"),
            (_, ..0) => {
                look.bad(&format!("{} more than the kernel counted", count_text(missing.unsigned_abs())))
            }
            _ => look.bad(&format!(
                "{} of {} emitted are not here: {} dropped in the kernel (ring full), {} lost on the way",
                count_text((dropped + missing) as u64),
                count_text(emitted as u64),
                count_text(dropped as u64),
                count_text(missing as u64)
            )),
        }
    }

    fn table(&self, first: &str) -> Table {
        Table::new(&[first, "count", "share", "p50", "p90", "p99", "max", "mean"])
    }

    /// A row, unless there is nothing in it.
    fn row(&self, table: &mut Table, name: Cell, latency: &Latency, all: &Latency) {
        if latency.count() == 0 {
            return;
        }
        let mut cells = vec![
            name,
            Cell::right(count_text(latency.count())),
            Cell::right(share(latency.count() as f64, all.count() as f64)),
        ];
        self.distribution(&mut cells, latency, self.lost());
        table.row(cells);
    }

    /// Percentiles, maximum and mean; `lost` values may be missing.
    pub(in crate::view) fn distribution(&self, cells: &mut Vec<Cell>, latency: &Latency, lost: u64) {
        for (quantile, _) in QUANTILES {
            cells.push(Cell::right(self.bound(latency.bound(quantile, lost))));
        }
        let at_least = if lost > 0 { ">= " } else { "" };
        cells.push(Cell::right(format!("{at_least}{}", self.time(latency.max() as f64))));
        cells.push(Cell::right(self.time(latency.mean())));
    }

    /// `533 ns`, `521..525 ns`, `988 ns..1.68 us`, `> 2.08 us` or `?`.
    fn bound(&self, bound: Bound) -> String {
        let text = |ticks: u64| self.time(ticks as f64);
        match bound {
            Bound { low: None, high: None } => "?".into(),
            Bound { low: Some(low), high: None } => format!(">= {}", text(low)),
            Bound { low: None, high: Some(high) } => format!("<= {}", text(high)),
            Bound { low: Some(low), high: Some(high) } => match (text(low), text(high)) {
                (low, high) if low == high => low,
                (low, high) => match (low.split_once(' '), high.split_once(' ')) {
                    (Some((number, a)), Some((_, b))) if a == b => format!("{number}..{high}"),
                    _ => format!("{low}..{high}"),
                },
            },
        }
    }
}

/// A part of the whole.
fn share(part: f64, whole: f64) -> String {
    if whole == 0.0 { "-".into() } else { format!("{:.1} %", part * 100.0 / whole) }
}
