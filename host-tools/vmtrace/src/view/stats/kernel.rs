//! What the kernel counted itself, against what arrived: transfers of frames, events by kind, histograms.

use super::{Page, QUANTILES};
use crate::model::clock::count_text;
use crate::model::latency::Bound;
use crate::model::names::{self, EVENT_NAMES};
use crate::model::stats::Account;
use crate::view::damage::plural;
use crate::view::paint::{Cell, Table};
use fl_metrics::Counts;
use fl_trace::event::FrameClass;
use fl_trace::locks::LockUse;
use fl_trace::metrics::Series;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Page<'_> {
    pub(super) fn transfers(&self) -> String {
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

    /// Spin locks that were waited for, those for longest first; where several CPUs have waited, what each has.
    pub(super) fn locks(&self) -> String {
        let mut classes = BTreeMap::<_, Vec<_>>::new();
        for lock in self.stats.metrics.locks.values() {
            classes.entry(lock.class).or_default().push(*lock);
        }
        if classes.is_empty() {
            return String::new();
        }
        let total = |locks: &[LockUse], of: fn(&LockUse) -> u64| locks.iter().map(of).sum::<u64>();
        let mut classes: Vec<_> = classes.into_iter().collect();
        classes.sort_by_key(|(class, locks)| std::cmp::Reverse((total(locks, |lock| lock.spun), *class)));
        let mut table = Table::new(&["locks", "cpu", "waited for", "spinning", "each"]);
        let mut row = |class: &'static str, cpu: String, contended: u64, spun: u64| {
            table.row(vec![
                Cell::left(class),
                Cell::right(cpu),
                Cell::right(count_text(contended)),
                Cell::right(self.time(spun as f64)),
                Cell::right(self.time(spun as f64 / contended.max(1) as f64)),
            ]);
        };
        for (class, locks) in classes {
            let word = class.word();
            match &locks[..] {
                [lock] => row(word, lock.cpu.to_string(), lock.contended, lock.spun),
                locks => {
                    let (contended, spun) =
                        (total(locks, |lock| lock.contended), total(locks, |lock| lock.spun));
                    row(word, "all".into(), contended, spun);
                    locks.iter().for_each(|lock| row("", lock.cpu.to_string(), lock.contended, lock.spun));
                }
            }
        }
        format!("\n{}\n{}", self.look.head("Spin locks that another CPU held"), table.text(&self.look))
    }

    pub(super) fn accounts(&self) -> String {
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
            if account == (Account { emitted: 0, received: 0, dropped: 0 }) {
                continue; // it never happened
            }
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
    pub(super) fn histograms(&self) -> String {
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
    pub(super) fn histograms_json(&self) -> Value {
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
}
