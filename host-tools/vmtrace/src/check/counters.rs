//! The kernel's own counters: received + lost = emitted (15), and back to boot at power-off (17).
//!
//! Key type: [`Accounts`].

use super::Invariant;
use super::claim::{Claim, Docket};
use crate::model::names::EVENT_NAMES;
use crate::wire::loss::LossReport;
use fl_trace::control::{Counters, EVENT_KINDS, Moment};
use fl_trace::event::{Event, Stage};
use fl_trace::packet::Channel;

/// See the module.
#[derive(Default)]
pub struct Accounts {
    received: [u64; EVENT_KINDS],
    fault_ticks: [u64; Stage::COUNT],
    boot: Option<Counters>,
    power_off: Option<(u64, Counters)>,
}

impl Accounts {
    /// An event arrived.
    #[inline]
    pub fn received(&mut self, event: &Event) {
        self.received[event.index()] += 1;
        if let Event::Fault(fault) = event {
            for (sum, ticks) in self.fault_ticks.iter_mut().zip(fault.stages) {
                *sum += u64::from(ticks);
            }
        }
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

    /// The run is over. Returns whether events are missing whose place is unknown.
    pub fn end(&self, loss: &LossReport, docket: &mut Docket) -> bool {
        let Some((tsc, last)) = &self.power_off else { return false };
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
        if missing == 0 && dropped == 0 {
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
