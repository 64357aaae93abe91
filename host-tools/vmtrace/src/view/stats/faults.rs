//! How long faults took: by kind, outcome, stage and process.

use super::{Page, QUANTILES, share};
use crate::model::clock::count_text;
use crate::model::latency::Latency;
use crate::model::names::{self, FAULT_KINDS, OUTCOMES};
use crate::view::damage::plural;
use crate::view::paint::{Cell, Table, kind_style};
use anstyle::Style;
use fl_trace::event::Stage;
use std::fmt::Write as _;

impl Page<'_> {
    pub(super) fn faults(&self, all: &Latency) -> String {
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
}
