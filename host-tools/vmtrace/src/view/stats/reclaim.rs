//! What was done for want of memory: evictions, swap, waits for frames, the evictor.

use super::{Page, share};
use crate::model::clock::count_text;
use crate::model::latency::Latency;
use crate::model::names;
use crate::model::reclaim::Reclaim;
use crate::view::damage::plural;
use crate::view::paint::{Cell, Table};
use fl_trace::event::{BlockedOn, EvictOutcome, EvictReason, Level, Reclaimer, SlotFreeReason};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Kibibytes of a page.
const KIB: u64 = 4;

impl Page<'_> {
    /// All of it; nothing if there was memory enough.
    pub(super) fn reclaim(&self) -> String {
        let reclaim = &self.stats.reclaim;
        let mut text = String::new();
        if reclaim.all() > 0 {
            text += &self.evictions(reclaim);
        }
        if reclaim.out.requests() + reclaim.back.requests() > 0 {
            text += &self.swap(reclaim);
        }
        if reclaim.waits.count() + reclaim.turns.time.count() > 0 {
            text += &self.waits(reclaim);
        }
        let [samples, accessed, dirty] = reclaim.samples;
        if samples > 0 {
            let of = |n: u64| share(n as f64, samples as f64);
            let (used, dirty) = (of(accessed), of(dirty));
            text += &self.heading("Accessed bits");
            let _ = writeln!(text, "  {} of mappings: {used} used, {dirty} dirty", plural(samples, "sample"));
        }
        text + &self.oom(reclaim)
    }

    fn heading(&self, title: &str) -> String {
        format!("\n{}\n", self.look.head(title))
    }

    fn evictions(&self, reclaim: &Reclaim) -> String {
        let policy = self.stats.hello.map(|hello| names::process(&hello.policy)).unwrap_or_default();
        let mut text = self.heading(&format!(
            "Evictions by what the policy{} says",
            if policy.is_empty() { String::new() } else { format!(" ({policy})") }
        ));
        let shown: Vec<EvictOutcome> =
            EvictOutcome::VALUES.into_iter().filter(|&outcome| reclaim.outcome(outcome) > 0).collect();
        let mut columns = vec!["reason", "pages", "share", "dirty"];
        columns.extend(shown.iter().map(|outcome| outcome.word()));
        let mut table = Table::new(&columns);
        let mut row = |name: &str, pages: u64, dirty: u64, of: &dyn Fn(EvictOutcome) -> u64| {
            let mut cells = vec![
                Cell::left(name.to_owned()),
                Cell::right(count_text(pages)),
                Cell::right(share(pages as f64, reclaim.all() as f64)),
                Cell::right(count_text(dirty)),
            ];
            cells.extend(shown.iter().map(|&outcome| Cell::right(count_text(of(outcome)))));
            table.row(cells);
        };
        let mut reasons = 0;
        for reason in EvictReason::VALUES {
            let by = &reclaim.evictions[reason as usize];
            let pages: u64 = by.iter().sum();
            if pages > 0 {
                reasons += 1;
                row(reason.word(), pages, reclaim.dirty[reason as usize], &|outcome| by[outcome as usize]);
            }
        }
        if reasons > 1 {
            let dirty = reclaim.dirty.iter().sum();
            row("all", reclaim.all(), dirty, &|outcome| reclaim.outcome(outcome));
        }
        text += &table.text(&self.look);
        let by: Vec<String> = Reclaimer::VALUES
            .into_iter()
            .filter(|&by| reclaim.by[by as usize] > 0)
            .map(|by| format!("{} by the {}", count_text(reclaim.by[by as usize]), by.word()))
            .collect();
        let _ = writeln!(
            text,
            "  {}; {:.1} frames judged for each, at most {}",
            by.join(", "),
            reclaim.scanned.mean(),
            count_text(reclaim.scanned.max())
        );
        let mut table = Table::new(&["in evictions", "pages", "p50", "p90", "p99", "max", "mean"]);
        for (name, numbers) in [
            ("from its coming to its eviction", &reclaim.age),
            ("from there to its return", &reclaim.distance),
        ] {
            if numbers.count() > 0 {
                table.row(counts_row(name, numbers));
            }
        }
        text + &table.text(&self.look)
    }

    fn swap(&self, reclaim: &Reclaim) -> String {
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        let mut text = self.heading(&format!("Swap traffic{unit}"));
        let mut table = Table::new(&[
            "pages", "count", "KiB", "requests", "each", "most", "failed", "p50", "p90", "p99", "max", "mean",
        ]);
        for (name, swapped) in [("out", &reclaim.out), ("in", &reclaim.back)] {
            let requests = swapped.requests();
            if requests == 0 {
                continue;
            }
            let all = swapped.pages() + swapped.failed;
            let mut cells = vec![
                Cell::left(name),
                Cell::right(count_text(swapped.pages())),
                Cell::right(count_text(swapped.pages() * KIB)),
                Cell::right(count_text(requests)),
                Cell::right(format!("{:.1}", all as f64 / requests as f64)),
                Cell::right(swapped.largest().to_string()),
                Cell::right(count_text(swapped.failed)),
            ];
            self.distribution(&mut cells, &swapped.latency, self.reclaim_lost());
            table.row(cells);
        }
        text += &table.text(&self.look);
        let mut notes = Vec::new();
        if reclaim.rescued > 0 {
            notes.push(format!("{} written out and wanted meanwhile", count_text(reclaim.rescued)));
        }
        if reclaim.readahead > 0 {
            notes.push(format!("{} read ahead", count_text(reclaim.readahead)));
        }
        for reason in SlotFreeReason::VALUES {
            let slots = reclaim.slots_freed[reason as usize];
            if slots > 0 {
                notes.push(format!("{} freed: {}", plural(slots, "slot"), slot_words(reason)));
            }
        }
        if !notes.is_empty() {
            let _ = writeln!(text, "  {}", notes.join("; "));
        }
        text
    }

    fn waits(&self, reclaim: &Reclaim) -> String {
        let unit = if self.clock().hz.is_none() { ", in ticks" } else { "" };
        let mut text = self.heading(&format!("Waiting for memory{unit}"));
        let mut table = Table::new(&["", "count", "time", "p50", "p90", "p99", "max", "mean"]);
        for (name, latency) in
            [("threads for a frame", &reclaim.waits), ("turns of the evictor", &reclaim.turns.time)]
        {
            if latency.count() > 0 {
                let mut cells = vec![
                    Cell::left(name),
                    Cell::right(count_text(latency.count())),
                    Cell::right(self.time(latency.sum() as f64)),
                ];
                self.distribution(&mut cells, latency, self.reclaim_lost());
                table.row(cells);
            }
        }
        text += &table.text(&self.look);
        let waits = reclaim.waits.count();
        let _ = writeln!(
            text,
            "  {} of {} that needed a frame waited ({}), {} in vain; at most {} stood before one",
            count_text(waits),
            plural(reclaim.requests.max(waits), "fault"),
            share(waits as f64, reclaim.requests.max(waits) as f64),
            count_text(reclaim.waits_in_vain),
            reclaim.longest_queue
        );
        if reclaim.turns.time.count() > 0 {
            let _ = writeln!(
                text,
                "  the evictor took {:.1} pages in a turn, at most {}",
                reclaim.turns.evicted.mean(),
                count_text(reclaim.turns.evicted.max())
            );
        }
        let crossings: Vec<String> = Level::VALUES
            .into_iter()
            .filter(|&level| reclaim.crossings[level as usize] > 0)
            .map(|level| format!("{} {}", count_text(reclaim.crossings[level as usize]), level_words(level)))
            .collect();
        if let Some(hello) = self.stats.hello.filter(|_| !crossings.is_empty()) {
            let _ = writeln!(
                text,
                "  free frames came {} (watermarks {}, {}, {} of {})",
                crossings.join(", "),
                hello.frames_min,
                hello.frames_low,
                hello.frames_high,
                count_text(hello.user_frames.into())
            );
        }
        let blocked: Vec<String> = BlockedOn::VALUES
            .into_iter()
            .filter(|&on| reclaim.blocked[on as usize] > 0)
            .map(|on| format!("{} for a {}", count_text(reclaim.blocked[on as usize]), on.word()))
            .collect();
        if !blocked.is_empty() {
            let _ = writeln!(text, "  faults slept {}", blocked.join(", "));
        }
        text
    }

    fn oom(&self, reclaim: &Reclaim) -> String {
        if reclaim.oom_all == 0 {
            return String::new();
        }
        let title = format!("Out of memory: {} ended", plural(reclaim.oom_all, "process"));
        let mut text = self.heading(&self.look.bad(&title));
        let mut table = Table::new(&["process", "pid", "pages in frames", "in swap", "free slots"]);
        for oom in &reclaim.oom {
            let name = self.stats.processes.get(oom.pid).map_or("?".into(), |process| process.name_text());
            table.row(vec![
                Cell::left(name),
                Cell::right(oom.pid.to_string()),
                Cell::right(count_text(oom.resident.into())),
                Cell::right(count_text(oom.swapped.into())),
                Cell::right(count_text(oom.free_slots.into())),
            ]);
        }
        text += &table.text(&self.look);
        text
    }

    /// Events of any of these kinds that may be missing from any row.
    fn reclaim_lost(&self) -> u64 {
        use fl_trace::event::Event;
        let kinds = [Event::SWAP_OUT, Event::SWAP_IN, Event::FRAME_WAIT, Event::EVICTOR];
        match self.stats.accounts().filter(|_| self.stats.final_counters().is_some()) {
            Some(accounts) => {
                kinds.iter().map(|&kind| accounts[kind].emitted.saturating_sub(accounts[kind].received)).sum()
            }
            None => self.loss.events_missing(),
        }
    }
}

fn slot_words(reason: SlotFreeReason) -> &'static str {
    match reason {
        SlotFreeReason::Dirtied => "the page was stored to",
        SlotFreeReason::Reclaimed => "slots were short",
        SlotFreeReason::Dead => "the page is no more",
        SlotFreeReason::WriteFailed => "the write failed",
    }
}

fn level_words(level: Level) -> &'static str {
    match level {
        Level::Min => "times down to min",
        Level::Low => "below low",
        Level::High => "below high",
        Level::Enough => "to high",
    }
}

/// A row of numbers that are no times.
fn counts_row(name: &str, numbers: &Latency) -> Vec<Cell> {
    let mut cells = vec![Cell::left(name.to_owned()), Cell::right(count_text(numbers.count()))];
    cells.extend([0.5, 0.9, 0.99].map(|quantile| Cell::right(count_text(numbers.quantile(quantile)))));
    cells.push(Cell::right(count_text(numbers.max())));
    cells.push(Cell::right(format!("{:.1}", numbers.mean())));
    cells
}

impl Reclaim {
    /// For machines; `distribution` writes a distribution of which so many values are lost.
    pub(super) fn json(&self, distribution: &impl Fn(&Latency, u64) -> Value) -> Value {
        let numbers = |of: &Latency| {
            json!({
                "count": of.count(), "mean": of.mean(), "max": of.max(),
                "p50": of.quantile(0.5), "p90": of.quantile(0.9), "p99": of.quantile(0.99),
            })
        };
        let named = |pairs: Vec<(&'static str, u64)>| {
            pairs.into_iter().map(|(name, n)| (name.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>()
        };
        let reasons: serde_json::Map<_, _> = EvictReason::VALUES
            .into_iter()
            .map(|reason| {
                let by = &self.evictions[reason as usize];
                let of = EvictOutcome::VALUES.into_iter().map(|o| (o.word(), by[o as usize])).collect();
                (reason.word().to_owned(), Value::from(named(of)))
            })
            .collect();
        let swapped = |of: &crate::model::reclaim::Swapped| {
            json!({
                "pages": of.pages(), "requests": of.requests(), "largest_request": of.largest(),
                "failed": of.failed, "latency": distribution(&of.latency, 0),
            })
        };
        json!({
            "evictions": self.all(), "evicted": self.evicted(), "dirty": self.dirty.iter().sum::<u64>(),
            "by_reason": reasons, "scanned": numbers(&self.scanned), "age_evictions": numbers(&self.age),
            "by_thread": named(Reclaimer::VALUES.into_iter().map(|by| (by.word(), self.by[by as usize])).collect()),
            "swap_out": swapped(&self.out), "rescued": self.rescued,
            "swap_in": swapped(&self.back), "readahead": self.readahead,
            "refault_distance_evictions": numbers(&self.distance),
            "slots_freed":
                named(SlotFreeReason::VALUES.into_iter().map(|r| (r.word(), self.slots_freed[r as usize])).collect()),
            "frame_requests": self.requests, "frame_waits": distribution(&self.waits, 0),
            "frame_waits_in_vain": self.waits_in_vain, "longest_queue": self.longest_queue,
            "watermark_crossings":
                named(Level::VALUES.into_iter().map(|l| (l.word(), self.crossings[l as usize])).collect()),
            "evictor_turns": distribution(&self.turns.time, 0), "evicted_per_turn": numbers(&self.turns.evicted),
            "blocked": named(BlockedOn::VALUES.into_iter().map(|on| (on.word(), self.blocked[on as usize])).collect()),
            "out_of_memory": self.oom_all, "out_of_memory_pids": self.victims().map(|pid| pid.0).collect::<Vec<_>>(),
            "samples": { "all": self.samples[0], "accessed": self.samples[1], "dirty": self.samples[2] },
            "pins": self.pins, "shootdowns": self.shootdowns[0], "shootdown_targets": self.shootdowns[1],
        })
    }
}
