//! Time in faults by process, kind and stage: what a flamegraph is drawn from.
//!
//! Key type: [`Flame`] (a [`Sink`]; the order of events does not matter to it). Memory grows with processes only.

use crate::decode::Sink;
use crate::model::clock::Clock;
use crate::model::names::{self, FAULT_KINDS, kind_index};
use crate::model::process::Processes;
use fl_addr::CpuId;
use fl_trace::control::Control;
use fl_trace::event::{Event, Stage, Stamped};
use std::collections::BTreeMap;

/// Ticks by kind and stage.
type Ticks = [[u64; Stage::COUNT]; FAULT_KINDS.len()];

/// See the module.
#[derive(Debug, Default)]
pub struct Flame {
    /// The run's clock.
    pub clock: Clock,
    /// Faults received.
    pub faults: u64,
    processes: Processes,
    /// By the key that [`Processes`] gives.
    ticks: Vec<Ticks>,
}

impl Flame {
    /// Stacks and their ticks, one per line, sorted: `hello [3];zero;fill 1234`. With `merge`, processes of one name are one.
    pub fn folded(&self, merge: bool) -> Vec<String> {
        let mut sums: BTreeMap<(String, u32), Ticks> = BTreeMap::new();
        for (process, ticks) in self.processes.all().iter().zip(&self.ticks) {
            // A semicolon would split the frame.
            let name = process.name_text().replace(';', ",");
            let pid = if merge { 0 } else { process.pid.0 };
            let sum = sums.entry((name, pid)).or_default();
            for (sum, n) in sum.as_flattened_mut().iter_mut().zip(ticks.as_flattened()) {
                *sum += n;
            }
        }
        let mut lines = Vec::new();
        for ((name, pid), ticks) in sums {
            for (kind, stages) in FAULT_KINDS.iter().zip(ticks) {
                for (stage, ticks) in Stage::ALL.iter().zip(stages).filter(|(_, ticks)| *ticks > 0) {
                    let process = if merge { name.clone() } else { format!("{name} [{pid}]") };
                    lines.push(format!("{process};{};{} {ticks}", names::kind(*kind), names::stage(*stage)));
                }
            }
        }
        lines
    }
}

impl Sink for Flame {
    #[inline]
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        let process = self.processes.event(stamped);
        if let (Event::Fault(fault), Some(process)) = (&stamped.event, process) {
            if process >= self.ticks.len() {
                self.ticks.resize(process + 1, Ticks::default());
            }
            self.faults += 1;
            for (sum, ticks) in self.ticks[process][kind_index(fault.kind)].iter_mut().zip(fault.stages) {
                *sum += u64::from(ticks);
            }
        }
    }

    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        if let Control::Hello(hello) = control {
            self.clock = Clock::of(hello);
        }
    }
}
