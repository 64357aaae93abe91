//! The statistics for machines.

use super::{Page, QUANTILES};
use crate::model::latency::Latency;
use crate::model::names::{self, EVENT_NAMES, FAULT_KINDS, OUTCOMES};
use crate::view::damage;
use fl_trace::event::Stage;
use serde_json::{Value, json};

impl Page<'_> {
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
            "disks": stats.disks.json(&distribution, self.requests_lost()), "reclaim": stats.reclaim.json(&distribution), "events": accounts, "events_exact": stats.final_counters().is_some(),
            "kernel_fault_ticks": stats.final_counters().map(|c| c.fault_ticks), "loss": damage::json(self.loss),
            "kernel_histograms": self.histograms_json(), "by_cpu": self.cpus_json(),
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
