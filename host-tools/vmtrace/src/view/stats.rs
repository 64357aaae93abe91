//! The statistics of a run as tables and as JSON.

use crate::model::clock::{Clock, count_text, nanos_text};
use crate::model::latency::{Bound, Latency};
use crate::model::names::{self, EVENT_NAMES, FAULT_KINDS, OUTCOMES};
use crate::model::stats::{Account, Stats};
use crate::view::damage::{self, plural};
use crate::view::paint::{Cell, Look, Table, kind_style};
use crate::wire::loss::LossReport;
use anstyle::Style;
use fl_metrics::Counts;
use fl_trace::event::{FrameClass, Stage};
use fl_trace::metrics::Series;
use serde_json::{Value, json};
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
    pub(super) fn clock(&self) -> Clock {
        match self.unit {
            Unit::Time => self.stats.clock,
            Unit::Ticks => Clock { hz: None, ..self.stats.clock },
        }
    }

    /// A duration; without its unit in ticks, because the heading says it.
    pub(super) fn time(&self, ticks: f64) -> String {
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
        text += &self.transfers();
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

    fn faults(&self, all: &Latency) -> String {
        let stats = self.stats;
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        let mut text = format!("\n{}\n", self.look.head(&format!("Latency of faults by kind{unit}")));
        let mut table = self.table("kind");
        for (i, kind) in FAULT_KINDS.into_iter().enumerate() {
            self.row(&mut table, Cell::left(names::kind(kind)).style(kind_style(kind)), &stats.kind(i), all);
        }
        self.row(&mut table, Cell::left("all").style(Style::new().bold()), all, all);
        text += &table.text(&self.look);

        text += &format!("\n{}\n", self.look.head(&format!("By outcome{unit}")));
        let mut table = self.table("outcome");
        for (i, outcome) in OUTCOMES.into_iter().enumerate() {
            self.row(&mut table, Cell::left(names::outcome(outcome)), &stats.outcome(i), all);
        }
        text += &table.text(&self.look);

        text += &format!("\n{}\n", self.look.head(&format!("By stage, each over all faults{unit}")));
        let mut table = Table::new(&["stage", "time", "share", "p50", "p90", "p99", "max", "mean"]);
        for (stage, latency) in Stage::ALL.into_iter().zip(&stats.by_stage) {
            if latency.sum() == 0 {
                continue;
            }
            let mut cells = vec![
                Cell::left(names::stage(stage)),
                Cell::right(self.time(latency.sum() as f64)),
                Cell::right(share(latency.sum() as f64, all.sum() as f64)),
            ];
            self.distribution(&mut cells, latency, self.lost());
            table.row(cells);
        }
        text += &table.text(&self.look);
        text + &self.processes(all, unit)
    }

    fn processes(&self, all: &Latency, unit: &str) -> String {
        let stats = self.stats;
        let mut order: Vec<usize> = (0..stats.by_process.len())
            .filter(|&i| stats.by_process[i].kinds.iter().any(|&n| n > 0))
            .collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(stats.by_process[i].sum), i));
        let mut text =
            format!("\n{}\n", self.look.head(&format!("By process, the longest time in faults first{unit}")));
        let mut table =
            Table::new(&["process", "pid", "count", "time", "share", "p50", "p90", "p99", "max", "mean"]);
        for &i in order.iter().take(self.rows) {
            let (process, faults) = (&stats.processes.all()[i], &stats.by_process[i]);
            let count: u64 = faults.kinds.iter().sum();
            let mut cells = vec![
                Cell::left(process.name_text()),
                Cell::right(process.pid.to_string()),
                Cell::right(count_text(count)),
                Cell::right(self.time(faults.sum as f64)),
                Cell::right(share(faults.sum as f64, all.sum() as f64)),
            ];
            match &faults.latency {
                Some(latency) => {
                    self.distribution(&mut cells, latency, stats.missing_in(process, self.lost()))
                }
                None => {
                    cells.extend(QUANTILES.map(|_| Cell::right("-")));
                    cells.push(Cell::right(self.time(faults.max as f64)));
                    cells.push(Cell::right(self.time(faults.sum as f64 / count as f64)));
                }
            }
            table.row(cells);
        }
        text += &table.text(&self.look);
        if order.len() > self.rows {
            let _ = writeln!(
                text,
                "  and {} more (--rows N shows more)",
                plural((order.len() - self.rows) as u64, "process")
            );
        }
        text
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
    pub(super) fn distribution(&self, cells: &mut Vec<Cell>, latency: &Latency, lost: u64) {
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

    fn transfers(&self) -> String {
        let mut table = Table::new(&["frames", "refills", "frames in", "drains", "frames out"]);
        let mut any = false;
        for (class, [refills, drains]) in
            [FrameClass::User, FrameClass::Kernel].into_iter().zip(self.stats.transfers)
        {
            if refills.batches + drains.batches > 0 {
                any = true;
                table.row(vec![
                    Cell::left(names::class(class)),
                    Cell::right(count_text(refills.batches)),
                    Cell::right(count_text(refills.frames)),
                    Cell::right(count_text(drains.batches)),
                    Cell::right(count_text(drains.frames)),
                ]);
            }
        }
        if !any {
            return String::new();
        }
        format!("\n{}\n{}", self.look.head("Frame caches of the CPUs"), table.text(&self.look))
    }

    fn accounts(&self) -> String {
        let Some(accounts) = self.stats.accounts() else { return String::new() };
        let exact = self.stats.final_counters().is_some();
        let title = if exact {
            "Events against the kernel's own counters"
        } else {
            "Events against the newest counters received (more was emitted later)"
        };
        let mut table =
            Table::new(&["event", "emitted", "received", "dropped in the kernel", "lost on the way"]);
        for (name, account) in EVENT_NAMES.iter().zip(accounts) {
            let missing = account.missing();
            table.row(vec![
                Cell::left(*name),
                Cell::right(count_text(account.emitted)),
                Cell::right(count_text(account.received)),
                Cell::right(count_text(account.dropped)),
                Cell::right(match missing {
                    0.. if exact => count_text(missing as u64),
                    _ if exact => format!("-{}", count_text(missing.unsigned_abs())),
                    _ => "?".into(),
                }),
            ]);
        }
        let mut text = format!("\n{}\n{}", self.look.head(title), table.text(&self.look));
        if let Some(counters) = self.stats.final_counters() {
            let kernel: u128 = counters.fault_ticks.iter().map(|&t| u128::from(t)).sum();
            let here = u128::from(self.stats.all_faults().sum());
            let _ = match kernel.cmp(&here) {
                std::cmp::Ordering::Equal => {
                    writeln!(
                        text,
                        "  time in faults: {}, the same as the kernel's own sum",
                        self.time(here as f64)
                    )
                }
                _ => writeln!(
                    text,
                    "  time in faults: {} here, {} by the kernel's own sum",
                    self.time(here as f64),
                    self.time(kernel as f64)
                ),
            };
            if counters.logs_lost > 0 {
                let _ = writeln!(text, "  the kernel dropped {}", plural(counters.logs_lost, "log record"));
            }
        }
        text
    }

    /// The kernel's own histograms, where it counted more than was received.
    fn histograms(&self) -> String {
        let (metrics, recount) = (&self.stats.metrics, &self.stats.recount);
        if !metrics.are_final() {
            return String::new();
        }
        let all: Vec<(Series, Counts)> =
            Series::ALL.iter().map(|&series| (series, metrics.of_all(series))).collect();
        let (same, other): (Vec<_>, Vec<_>) =
            all.iter().partition(|(series, counts)| counts == recount.of(*series));
        let counted = same.iter().filter(|(_, counts)| counts.count() > 0).count() as u64;
        let mut text = String::new();
        if counted > 0 {
            let _ = writeln!(text, "  latency histograms: {counted}, the same as the kernel's own");
        }
        if other.is_empty() {
            return text;
        }
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        text += &format!(
            "\n{}\n",
            self.look
                .head(&format!("By the kernel's own histograms, where not every event was received{unit}"))
        );
        let mut table = Table::new(&["series", "count", "received", "p50", "p90", "p99", "max", "mean"]);
        for (series, counts) in other {
            let (metric, _, value) = series.names();
            let mut cells = vec![
                Cell::left(format!("{metric} {value}").trim_end().to_owned()),
                Cell::right(count_text(counts.count())),
                Cell::right(count_text(recount.of(*series).count())),
            ];
            for (quantile, _) in QUANTILES {
                let bound =
                    counts.quantile(quantile).map(|(low, high)| Bound { low: Some(low), high: Some(high) });
                cells.push(Cell::right(bound.map_or("-".into(), |bound| self.bound(bound))));
            }
            cells.push(Cell::right(self.time(counts.max as f64)));
            cells.push(Cell::right(self.time(counts.sum as f64 / counts.count().max(1) as f64)));
            table.row(cells);
        }
        text + &table.text(&self.look)
    }

    /// The kernel's own histograms as JSON, by metric and label.
    fn histograms_json(&self) -> Value {
        let metrics = &self.stats.metrics;
        let mut value = json!({ "final": metrics.are_final() });
        for &series in Series::ALL {
            let (counts, (metric, _, label)) = (metrics.of_all(series), series.names());
            let quantiles: serde_json::Map<_, _> = QUANTILES
                .iter()
                .map(|(q, name)| {
                    (format!("{name}_ticks"), json!(counts.quantile(*q).map(|(low, high)| [low, high])))
                })
                .collect();
            let mut one = json!({
                "count": counts.count(), "sum_ticks": counts.sum, "max_ticks": counts.max,
                "received": self.stats.recount.of(series).count(),
            });
            quantiles.into_iter().for_each(|(name, bound)| one[name] = bound);
            match label {
                "" => value[metric] = one,
                _ => value[metric][label] = one,
            }
        }
        value
    }

    /// The statistics as JSON. Times are in ticks; `tsc_hz` converts them, `_ns` fields are converted already.
    pub fn json(&self) -> Value {
        let stats = self.stats;
        let lost = self.lost();
        let distribution = |latency: &Latency, lost: u64| {
            let ns = |ticks: f64| stats.clock.hz.map(|hz| ticks * 1e9 / hz as f64);
            let mut value = json!({
                "count": latency.count(), "sum_ticks": latency.sum(), "max_ticks": latency.max(),
                "mean_ticks": latency.mean(), "max_ns": ns(latency.max() as f64), "mean_ns": ns(latency.mean()),
            });
            for (quantile, name) in QUANTILES {
                let bound = latency.bound(quantile, lost);
                value[format!("{name}_ticks")] = json!([bound.low, bound.high]);
                value[format!("{name}_ns")] =
                    json!([bound.low.and_then(|t| ns(t as f64)), bound.high.and_then(|t| ns(t as f64))]);
            }
            value
        };
        let kinds: serde_json::Map<_, _> = FAULT_KINDS
            .iter()
            .enumerate()
            .map(|(i, k)| (names::kind(*k).into(), distribution(&stats.kind(i), lost)))
            .collect();
        let outcomes: serde_json::Map<_, _> = OUTCOMES
            .iter()
            .enumerate()
            .map(|(i, o)| (names::outcome(*o).into(), distribution(&stats.outcome(i), lost)))
            .collect();
        let stages: serde_json::Map<_, _> = Stage::ALL
            .iter()
            .zip(&stats.by_stage)
            .map(|(s, l)| (names::stage(*s).into(), distribution(l, lost)))
            .collect();
        let processes: Vec<Value> = stats
            .processes
            .all()
            .iter()
            .enumerate()
            .map(|(i, process)| {
                let faults = stats.by_process.get(i).cloned().unwrap_or_default();
                json!({
                    "pid": process.pid.0, "parent": process.parent.map(|p| p.0), "name": process.name_text(),
                    "spawned_ticks": process.spawned.map(|t| stats.clock.since_boot(t)),
                    "exited_ticks": process.exit.map(|e| stats.clock.since_boot(e.tsc)),
                    "status": process.exit.map(|e| e.status), "cause": process.exit.map(|e| names::cause(e.cause)),
                    "faults": names_of_kinds(faults.kinds), "sum_ticks": faults.sum, "max_ticks": faults.max,
                    "latency": faults.latency.as_deref().map(|l| distribution(l, stats.missing_in(process, lost))),
                })
            })
            .collect();
        let accounts = stats.accounts().map(|accounts| {
            EVENT_NAMES
                .iter()
                .zip(accounts)
                .map(|(name, a)| {
                    ((*name).into(), json!({"emitted": a.emitted, "received": a.received, "dropped_by_kernel": a.dropped, "lost_on_the_way": a.missing()}))
                })
                .collect::<serde_json::Map<_, _>>()
        });
        let complete = stats.final_counters().is_some()
            && stats
                .accounts()
                .is_some_and(|accounts| accounts.iter().all(|a| a.dropped == 0 && a.missing() == 0));
        json!({
            "complete": complete,
            "tsc_hz": stats.clock.hz, "cpus": stats.hello.map(|h| h.cpus), "ended_by": stats.bye.map(names::bye),
            "first_ticks": stats.span.map(|(first, _)| stats.clock.since_boot(first)),
            "last_ticks": stats.span.map(|(_, last)| stats.clock.since_boot(last)),
            "faults": distribution(&stats.all_faults(), lost), "faults_lost": lost,
            "by_kind": kinds, "by_outcome": outcomes, "by_stage": stages, "by_process": processes,
            "disks": stats.disks.json(&distribution, self.requests_lost()), "events": accounts, "events_exact": stats.final_counters().is_some(),
            "kernel_fault_ticks": stats.final_counters().map(|c| c.fault_ticks), "loss": damage::json(self.loss),
            "kernel_histograms": self.histograms_json(),
        })
    }
}

fn names_of_kinds(kinds: [u64; FAULT_KINDS.len()]) -> Value {
    FAULT_KINDS
        .iter()
        .zip(kinds)
        .map(|(k, n)| (names::kind(*k).to_string(), json!(n)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn share(part: f64, whole: f64) -> String {
    if whole == 0.0 { "-".into() } else { format!("{:.1} %", part * 100.0 / whole) }
}
