//! The run as the timeline shows it: per process its faults over time and by page, and what became of its pages; free memory.
//!
//! Key types: [`History`] (a [`Sink`] behind [`crate::model::merge::Merge`]), [`Lane`].

use crate::decode::Sink;
use crate::model::bins::Bins;
use crate::model::clock::Clock;
use crate::model::filter::Filter;
use crate::model::lanes::CpuLane;
use crate::model::memory::{Free, Move, Moves, Owners};
use crate::model::names::{FAULT_KINDS, kind_index};
use crate::model::process::Processes;
use crate::model::runs::Runs;
use fl_addr::CpuId;
use fl_trace::control::{Control, Hello};
use fl_trace::event::{Event, Stamped};

/// Processes whose faults are kept over time and by page; later ones only count. Bounds memory to some 100 MiB.
const DETAILED: usize = 8192;

/// One process's faults. Boxed in [`History`], and only there if an event of the process passed the filter.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Faults over time, by kind.
    pub bins: Bins,
    /// Faults by page.
    pub runs: Runs,
    /// Faults by kind.
    pub kinds: [u64; FAULT_KINDS.len()],
    /// Time in faults by kind, in ticks.
    pub ticks: [u64; FAULT_KINDS.len()],
    /// Its pages that went and came back.
    pub moves: Moves,
}

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    /// The hello, if one was received.
    pub hello: Option<Hello>,
    /// Its clock.
    pub clock: Clock,
    /// Who ran.
    pub processes: Processes,
    /// By the key that [`Processes`] gives.
    pub lanes: Vec<Option<Box<Lane>>>,
    /// Times of the first and last event that passed the filter.
    pub span: Option<(u64, u64)>,
    /// Processes whose exit was seen since somebody last took this list.
    pub ended: Vec<usize>,
    /// Pages of anybody that went and came back.
    pub moves: Moves,
    /// What each CPU did.
    pub cpus: Vec<CpuLane>,
    /// Free user frames.
    pub free: Free,
    owners: Owners,
    filter: Filter,
}

impl History {
    /// Takes note of what passes `filter`.
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Faults of all processes that passed the filter.
    pub fn faults(&self) -> u64 {
        self.lanes.iter().flatten().map(|lane| lane.kinds.iter().sum::<u64>()).sum()
    }
}

impl Sink for History {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        // Names and exits are learnt from all events, shown or not.
        let process = self.processes.event(stamped);
        let process = self.owners.event(&stamped.event, process);
        self.free.event(stamped.tsc, &stamped.event);
        if !self.filter.passes(&self.clock, stamped) {
            return;
        }
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(stamped.tsc), last.max(stamped.tsc)),
            None => (stamped.tsc, stamped.tsc),
        });
        if usize::from(cpu.0) >= self.cpus.len() {
            self.cpus.resize_with(usize::from(cpu.0) + 1, CpuLane::default);
        }
        self.cpus[usize::from(cpu.0)].add(stamped.tsc, &stamped.event);
        let moved = Move::of(&stamped.event);
        if let Some((moved, _)) = moved {
            self.moves.add(stamped.tsc, moved);
        }
        let Some(process) = process else { return };
        if process >= self.lanes.len() {
            self.lanes.resize_with(process + 1, || None);
        }
        let lane = self.lanes[process].get_or_insert_default();
        match &stamped.event {
            Event::Fault(fault) => {
                let kind = kind_index(fault.kind);
                if process < DETAILED {
                    lane.bins.add(stamped.tsc, kind);
                    lane.runs.add(stamped.tsc, fault);
                }
                lane.kinds[kind] += 1;
                lane.ticks[kind] += fault.latency();
            }
            Event::ProcessExit(_) => self.ended.push(process),
            _ => {
                if let Some((moved, _)) = moved {
                    lane.moves.add(stamped.tsc, moved);
                }
            }
        }
    }

    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        if let Control::Hello(hello) = control {
            self.hello = Some(*hello);
            self.clock = Clock::of(hello);
        }
    }
}
