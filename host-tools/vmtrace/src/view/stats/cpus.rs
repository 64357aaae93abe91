//! What each CPU did, by the kernel's own counts; and what shootdowns cost: interrupts for each page that was evicted.

use super::{Page, QUANTILES};
use crate::model::clock::count_text;
use crate::model::latency::Bound;
use crate::view::paint::{Cell, Table};
use fl_addr::CpuId;
use fl_trace::event::Event;
use fl_trace::metrics::Series;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What is counted of each CPU: heading, word in JSON, [`Event::index`].
const KINDS: [(&str, &str, usize); 5] = [
    ("faults", "faults", Event::FAULT),
    ("evicted", "evicted", Event::EVICTED),
    ("refills", "refills", Event::REFILL),
    ("drains", "drains", Event::DRAIN),
    ("shootdowns", "shootdowns", Event::SHOOTDOWN),
];

impl Page<'_> {
    /// A row for each CPU, where there are several.
    pub(super) fn cpus(&self) -> String {
        let metrics = &self.stats.metrics;
        if metrics.cpus.len() < 2 {
            return String::new();
        }
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        let so_far = if metrics.are_final() { "" } else { ", so far" };
        let mut text = format!(
            "\n{}\n",
            self.look
                .head(&format!("CPUs, by the kernel's own counters{so_far}; waits for shootdowns{unit}"))
        );
        let mut columns = vec!["cpu"];
        columns.extend(KINDS.iter().map(|(heading, ..)| heading));
        columns.push("IPIs");
        columns.extend(QUANTILES.iter().map(|(_, name)| name));
        columns.push("max");
        let mut table = Table::new(&columns);
        for (&cpu, counters) in &metrics.cpus {
            let mut cells = vec![Cell::right(cpu.0.to_string())];
            cells.extend(
                KINDS.iter().map(|&(_, _, kind)| Cell::right(count_text(metrics.happened(cpu, kind)))),
            );
            cells.push(Cell::right(count_text(counters.ipis)));
            cells.extend(self.waits_of(cpu));
            table.row(cells);
        }
        text += &table.text(&self.look);
        if let Some((ipis, pages)) = metrics.eviction_ipis() {
            let _ = writeln!(
                text,
                "  {:.2} IPIs per evicted page: {} for {}; {} for other reasons",
                ipis as f64 / pages as f64,
                count_text(ipis),
                count_text(pages),
                count_text(metrics.ipis().saturating_sub(ipis)),
            );
        }
        text
    }

    /// How long its shootdowns took: percentiles and maximum.
    fn waits_of(&self, cpu: CpuId) -> Vec<Cell> {
        let Some(counts) = self.stats.metrics.of_cpu(Series::Shootdown, cpu).filter(|c| c.count() > 0) else {
            return vec![Cell::right("-"); QUANTILES.len() + 1];
        };
        let quantile = |&(quantile, _): &(f64, &str)| {
            let bound =
                counts.quantile(quantile).map(|(low, high)| Bound { low: Some(low), high: Some(high) });
            Cell::right(bound.map_or("-".into(), |bound| self.bound(bound)))
        };
        let mut cells: Vec<Cell> = QUANTILES.iter().map(quantile).collect();
        cells.push(Cell::right(self.time(counts.max as f64)));
        cells
    }

    /// The same for machines.
    pub(super) fn cpus_json(&self) -> Value {
        let metrics = &self.stats.metrics;
        let cpus: Vec<Value> = metrics
            .cpus
            .iter()
            .map(|(&cpu, counters)| {
                let mut value = json!({ "cpu": cpu.0, "ipis": counters.ipis });
                for (_, word, kind) in KINDS {
                    value[word] = json!(metrics.happened(cpu, kind));
                }
                let waits = metrics.of_cpu(Series::Shootdown, cpu);
                value["shootdown_wait_ticks"] = json!(waits.map_or(0, |counts| counts.sum));
                value
            })
            .collect();
        let ipis = metrics.eviction_ipis();
        json!({
            "final": metrics.are_final(), "cpus": cpus, "ipis": metrics.ipis(),
            "eviction_ipis": ipis.map(|(ipis, _)| ipis),
            "ipis_per_evicted_page": ipis.map(|(ipis, pages)| ipis as f64 / pages as f64),
        })
    }
}
