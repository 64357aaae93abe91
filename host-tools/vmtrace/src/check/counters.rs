//! The kernel's own counters: received + lost = emitted, and its histograms of what was received (15); back to boot at power-off (17).
//!
//! Key type: [`Accounts`].

use super::Invariant;
use super::claim::{Claim, Docket};
use crate::model::metrics::{Metrics, Recount};
use crate::model::names::EVENT_NAMES;
use crate::wire::loss::LossReport;
use fl_trace::control::{Control, Counters, EVENT_KINDS, Moment};
use fl_trace::event::{Event, Stage};
use fl_trace::metrics::Series;
use fl_trace::packet::Channel;

/// See the module.
#[derive(Default)]
pub struct Accounts {
    received: [u64; EVENT_KINDS],
    fault_ticks: [u64; Stage::COUNT],
    metrics: Metrics,
    recount: Recount,
    boot: Option<Counters>,
    power_off: Option<(u64, Counters)>,
}

impl Accounts {
    /// An event arrived.
    #[inline]
    pub fn received(&mut self, event: &Event) {
        self.received[event.index()] += 1;
        self.recount.event(event);
        if let Event::Fault(fault) = event {
            for (sum, ticks) in self.fault_ticks.iter_mut().zip(fault.stages) {
                *sum += u64::from(ticks);
            }
        }
    }

    /// A control record arrived.
    pub fn control(&mut self, control: &Control) {
        self.metrics.control(control);
    }

    /// Counters arrived. Those of a running machine were read while events were under way, so they prove nothing exact.
    pub fn counters(&mut self, tsc: u64, counters: &Counters) {
        match counters.at {
            Moment::Boot => self.boot = Some(*counters),
            Moment::Running => {}
            Moment::PowerOff => self.power_off = Some((tsc, *counters)),
        }
    }

    /// No kind of event arrived more often than it was emitted.
    fn no_more_than_emitted(&self, tsc: u64, last: &Counters, docket: &mut Docket) {
        for (kind, name) in EVENT_NAMES.iter().enumerate() {
            docket.exercised(Invariant::NothingVanishes);
            let (emitted, here) = (last.emitted[kind], self.received[kind].saturating_add(last.lost[kind]));
            if here > emitted {
                let text = format!(
                    "{name}: {} received and {} dropped are more than the {emitted} that the kernel counted",
                    self.received[kind], last.lost[kind]
                );
                docket.claim(claim(Invariant::NothingVanishes, tsc, text));
            }
        }
    }

    /// Whether the kernel's final counts by CPU and its histograms are all here.
    fn metrics_are_whole(&self, loss: &LossReport) -> bool {
        let control = loss.sum(Some(Channel::Control));
        self.metrics.are_final() && loss.damaged_places == 0 && control.lost.packets == 0
    }

    /// Each CPU's packets and counters tell the same, and together what the sums tell.
    fn by_cpu(&self, tsc: u64, loss: &LossReport, docket: &mut Docket) {
        let Some((_, last)) = self.power_off.as_ref().filter(|_| self.metrics_are_whole(loss)) else {
            return;
        };
        let mut sums = ([0; EVENT_KINDS], [0; EVENT_KINDS]);
        for (cpu, counters) in &self.metrics.cpus {
            docket.exercised(Invariant::NothingVanishes);
            let told = loss.streams.get(&(Channel::Events, *cpu)).map_or(0, |stream| stream.lost.dropped);
            let dropped: u64 = counters.lost.iter().sum();
            // Drops behind the last packet are told by no packet.
            if told > dropped {
                let text =
                    format!("packets of cpu{cpu} tell of {told} dropped events, its counters of {dropped}");
                docket.claim(claim(Invariant::NothingVanishes, tsc, text));
            }
            for kind in 0..EVENT_KINDS {
                sums.0[kind] += counters.emitted[kind];
                sums.1[kind] += counters.lost[kind];
            }
        }
        if sums != (last.emitted, last.lost) {
            let text = format!(
                "the CPUs' counters add up to {:?} emitted and {:?} dropped, not to {:?} and {:?}",
                sums.0, sums.1, last.emitted, last.lost
            );
            docket.claim(claim(Invariant::NothingVanishes, tsc, text));
        }
    }

    /// The kernel's histograms are those of the events: the same if all arrived, else at least as full.
    fn histograms(&self, tsc: u64, loss: &LossReport, docket: &mut Docket) {
        let Some((_, last)) = self.power_off.as_ref().filter(|_| self.metrics_are_whole(loss)) else {
            return;
        };
        let untraced = self.metrics.untraced();
        for &series in Series::ALL {
            docket.exercised(Invariant::NothingVanishes);
            let (kernel, here, kind) = (self.metrics.of_all(series), self.recount.of(series), series.event());
            let all_here = untraced[kind] == 0 && self.received[kind] == last.emitted[kind];
            let fuller = kernel.buckets.iter().zip(here.buckets).all(|(kernel, here)| *kernel >= here)
                && kernel.sum >= here.sum
                && kernel.max >= here.max;
            if !fuller || (all_here && kernel != *here) {
                let (metric, _, value) = series.names();
                let text = format!(
                    "histogram {metric} {value}: the kernel counted {} with {} ticks in all, of which {} with {} ticks arrived",
                    kernel.count(),
                    kernel.sum,
                    here.count(),
                    here.sum
                );
                docket.claim(claim(Invariant::NothingVanishes, tsc, text));
            }
        }
    }

    /// The interrupts that CPUs counted are those of the shootdowns: as many if all arrived, else at least as many.
    fn ipis(&self, tsc: u64, loss: &LossReport, docket: &mut Docket) {
        let Some((_, last)) = self.power_off.as_ref().filter(|_| self.metrics_are_whole(loss)) else {
            return;
        };
        docket.exercised(Invariant::NothingVanishes);
        let (kernel, here) = (self.metrics.ipis(), self.recount.ipis);
        let all_here = self.metrics.untraced()[Event::SHOOTDOWN] == 0
            && self.received[Event::SHOOTDOWN] == last.emitted[Event::SHOOTDOWN];
        if here > kernel || (all_here && here != kernel) {
            let text = format!("the CPUs counted {kernel} interrupts of shootdowns, of which {here} arrived");
            docket.claim(claim(Invariant::NothingVanishes, tsc, text));
        }
        if last.eviction_ipis > kernel {
            let text = format!(
                "{} interrupts were sent for evictions, more than the {kernel} that were sent at all",
                last.eviction_ipis
            );
            docket.claim(claim(Invariant::NothingVanishes, tsc, text));
        }
    }

    /// The run is over. Returns whether events are missing whose place is unknown.
    pub fn end(&self, loss: &LossReport, docket: &mut Docket) -> bool {
        let Some((tsc, last)) = &self.power_off else {
            // The last counters may be among what was damaged; then nothing tells what else is.
            return loss.damaged_places > 0 || loss.sum(Some(Channel::Control)).lost.packets > 0;
        };
        if let Some(boot) = &self.boot {
            back_to_boot(*tsc, boot, last, docket);
        }
        self.no_more_than_emitted(*tsc, last, docket);
        let sum = |counts: &[u64]| counts.iter().sum::<u64>();
        let (emitted, dropped, received) = (sum(&last.emitted), sum(&last.lost), sum(&self.received));
        let streams = loss.sum(Some(Channel::Events));
        let known = streams.lost.records.saturating_add(streams.unreadable);
        let missing = emitted.saturating_sub(dropped).saturating_sub(received);
        docket.exercised(Invariant::NothingVanishes);
        if streams.lost.dropped > dropped {
            let text =
                format!("packets tell of {} dropped events, the counters of {dropped}", streams.lost.dropped);
            docket.claim(claim(Invariant::NothingVanishes, *tsc, text));
        }
        if missing > known {
            let vanished = missing - known;
            if loss.damaged_places == 0 && streams.lost.packets == 0 {
                let text = format!(
                    "{vanished} of {emitted} events neither arrived nor count as lost, though no packet is missing ({})",
                    by_kind(last, &self.received)
                );
                docket.claim(claim(Invariant::NothingVanishes, *tsc, text));
            } else {
                // The last packets of a stream may be among the damaged ones: nothing behind them tells.
                docket.left_open(Invariant::NothingVanishes);
                return true;
            }
        }
        self.by_cpu(*tsc, loss, docket);
        self.histograms(*tsc, loss, docket);
        self.ipis(*tsc, loss, docket);
        if missing == 0 && dropped == 0 && self.metrics.untraced()[Event::FAULT] == 0 {
            docket.exercised(Invariant::NothingVanishes);
            if self.fault_ticks != last.fault_ticks {
                let text = format!(
                    "time in faults by stage is {:?} ticks here and {:?} by the kernel's own sum",
                    self.fault_ticks, last.fault_ticks
                );
                docket.claim(claim(Invariant::NothingVanishes, *tsc, text));
            }
        }
        false
    }
}

fn by_kind(last: &Counters, received: &[u64; EVENT_KINDS]) -> String {
    let parts: Vec<String> = (0..EVENT_KINDS)
        .filter_map(|kind| {
            let missing = last.emitted[kind].saturating_sub(last.lost[kind]).saturating_sub(received[kind]);
            (missing > 0).then(|| format!("{missing} {}", EVENT_NAMES[kind]))
        })
        .collect();
    parts.join(", ")
}

fn back_to_boot(tsc: u64, boot: &Counters, last: &Counters, docket: &mut Docket) {
    let pairs = [
        ("free user frames", u64::from(boot.user_free), u64::from(last.user_free)),
        ("free kernel frames", boot.kernel_free.into(), last.kernel_free.into()),
        ("free swap slots", boot.slots_free.into(), last.slots_free.into()),
        ("heap bytes in use", boot.heap_used, last.heap_used),
        ("threads", boot.threads.into(), last.threads.into()),
        ("processes", boot.processes.into(), last.processes.into()),
    ];
    for (what, before, after) in pairs {
        docket.exercised(Invariant::BackToBoot);
        if before != after {
            let text = format!("{what}: {before} at boot, {after} at power-off");
            docket.claim(claim(Invariant::BackToBoot, tsc, text));
        }
    }
}

/// Counters are exact whatever was lost.
fn claim(invariant: Invariant, tsc: u64, text: String) -> Claim {
    Claim { invariant, since: tsc, at: tsc, certain: true, text, witnesses: Vec::new() }
}
