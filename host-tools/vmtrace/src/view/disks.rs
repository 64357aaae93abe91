//! What was asked of disks, as a table and as JSON: a part of the statistics.

use crate::model::clock::count_text;
use crate::model::disks::Disks;
use crate::model::latency::Latency;
use crate::view::paint::{Cell, Table};
use crate::view::stats::Page;
use fl_trace::event::Event;
use serde_json::{Value, json};

/// Bytes of a sector.
const SECTOR: u64 = 512;

impl Page<'_> {
    /// The table of requests; nothing if there were none.
    pub(super) fn disks(&self) -> String {
        let disks = &self.stats.disks;
        if disks.iter().next().is_none() {
            return String::new();
        }
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        let mut table =
            Table::new(&["disk", "request", "count", "KiB", "failed", "p50", "p90", "p99", "max", "mean"]);
        for (disk, operation, requests) in disks.iter() {
            let mut cells = vec![
                Cell::left(disk.to_string()),
                Cell::left(operation.word()),
                Cell::right(count_text(requests.latency.count())),
                Cell::right(count_text(requests.sectors * SECTOR / 1024)),
                Cell::right(count_text(requests.failed)),
            ];
            self.distribution(&mut cells, &requests.latency, self.requests_lost());
            table.row(cells);
        }
        format!("\n{}\n{}", self.look.head(&format!("Requests to disks{unit}")), table.text(&self.look))
    }

    /// Requests that may be missing from any row.
    pub(super) fn requests_lost(&self) -> u64 {
        let account = self.stats.accounts().filter(|_| self.stats.final_counters().is_some());
        match account {
            Some(accounts) => {
                let disk = accounts[Event::DISK];
                disk.emitted.saturating_sub(disk.received)
            }
            None => self.loss.events_missing(),
        }
    }
}

impl Disks {
    /// For machines; `distribution` writes a distribution of which so many values are lost.
    pub(super) fn json(&self, distribution: &impl Fn(&Latency, u64) -> Value, lost: u64) -> Value {
        let rows = self.iter().map(|(disk, operation, requests)| {
            json!({
                "disk": disk, "request": operation.word(), "sectors": requests.sectors, "failed": requests.failed,
                "latency": distribution(&requests.latency, lost),
            })
        });
        rows.collect()
    }
}
