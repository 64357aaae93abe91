//! A whole run in memory, in the order of time: [`Trace`], for tests and tools. Commands on long traces stream instead.

use crate::check;
use crate::decode::{Gap, Sink};
use crate::error::Error;
use crate::model::clock::Clock;
use crate::model::merge::Merge;
use crate::model::process::Processes;
use crate::model::stats::Stats;
use crate::wire::Intake;
use crate::wire::loss::LossReport;
use crate::wire::source::{Options, Pump, Source};
use fl_addr::{CpuId, Pid};
use fl_trace::control::{Bye, Control, Counters, Hello, Moment};
use fl_trace::event::{Event, Fault, Stamped};
use std::path::Path;
use std::sync::Arc;

/// An event, when it happened, and on which CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The emitting CPU.
    pub cpu: CpuId,
    /// The CPU's time-stamp counter.
    pub tsc: u64,
    /// What happened.
    pub event: Event,
}

/// A log record: one defmt frame in raw encoding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// The CPU that logged.
    pub cpu: CpuId,
    /// When its packet was begun.
    pub tsc: u64,
    /// The frame.
    pub frame: Vec<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Trace {
    events: Vec<Seen>,
    controls: Vec<(u64, Control)>,
    logs: Vec<Log>,
    gaps: Vec<Gap>,
    loss: LossReport,
}

/// Collects what a [`Trace`] holds.
struct Collect<'t>(&'t mut Trace);

impl Sink for Collect<'_> {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        self.0.events.push(Seen { cpu, tsc: stamped.tsc, event: stamped.event });
    }
    fn control(&mut self, tsc: u64, control: &Control) {
        self.0.controls.push((tsc, *control));
    }
    fn log(&mut self, cpu: CpuId, tsc: u64, frame: &[u8]) {
        self.0.logs.push(Log { cpu, tsc, frame: frame.to_vec() });
    }
    fn gap(&mut self, gap: &Gap) {
        self.0.gaps.push(*gap);
    }
}

impl Trace {
    /// Reads a recorded run.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Empty`], [`Error::NotATrace`], [`Error::NewerSchema`], [`Error::Io`]. A damaged
    /// stream is no error: see [`Trace::loss`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read(Source::open(&path.as_ref().to_string_lossy(), Options::default())?)
    }

    /// Reads a run that is in memory.
    ///
    /// # Errors
    /// As [`Trace::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(Source::bytes("memory", bytes.to_vec()))
    }

    fn read(source: Source) -> Result<Self, Error> {
        let name = source.name.clone();
        let mut trace = Self::default();
        let mut sink = Merge::new(Collect(&mut trace));
        let mut intake = Intake::new();
        let mut head = Vec::new();
        source.pump(&Arc::default(), |chunk| {
            if head.is_empty() {
                head = chunk[..chunk.len().min(256)].to_vec();
            }
            intake.push(chunk, &mut sink)?;
            Ok(Pump::On)
        })?;
        intake.finish(&mut sink);
        intake.require_packets(&name, &head)?;
        trace.loss = intake.into_report();
        Ok(trace)
    }

    /// What did not arrive.
    pub fn loss(&self) -> &LossReport {
        &self.loss
    }
    /// Where events are missing.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }
    /// All events in the order of time; those of one CPU in the order of emission.
    pub fn events(&self) -> &[Seen] {
        &self.events
    }
    /// All control records with the base times of their packets, in the order of arrival.
    pub fn controls(&self) -> &[(u64, Control)] {
        &self.controls
    }
    /// All log records, in the order of arrival.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The first hello.
    pub fn hello(&self) -> Option<&Hello> {
        self.controls.iter().find_map(|(_, control)| match control {
            Control::Hello(hello) => Some(hello),
            _ => None,
        })
    }
    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.hello().map(Clock::of).unwrap_or_default()
    }
    /// The last counters of that moment.
    pub fn counters(&self, at: Moment) -> Option<&Counters> {
        self.controls.iter().rev().find_map(|(_, control)| match control {
            Control::Counters(counters) if counters.at == at => Some(counters),
            _ => None,
        })
    }
    /// How the run ended.
    pub fn bye(&self) -> Option<Bye> {
        self.controls.iter().rev().find_map(|(_, control)| match control {
            Control::Bye(bye) => Some(*bye),
            _ => None,
        })
    }
    /// All faults.
    pub fn faults(&self) -> impl Iterator<Item = (&Seen, &Fault)> {
        self.events.iter().filter_map(|seen| match &seen.event {
            Event::Fault(fault) => Some((seen, fault)),
            _ => None,
        })
    }
    /// The faults of one process.
    pub fn faults_of(&self, pid: Pid) -> impl Iterator<Item = (&Seen, &Fault)> {
        self.faults().filter(move |(_, fault)| fault.pid == pid)
    }
    /// The processes.
    pub fn processes(&self) -> Processes {
        let mut processes = Processes::default();
        self.replay(&mut Replay(&mut processes));
        processes
    }
    /// Counts and distributions.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.replay(&mut stats);
        stats
    }
    /// Compares the run with the invariants.
    pub fn check(&self) -> check::Report {
        let mut check = check::Check::new();
        self.replay(&mut check);
        check.report(&self.loss)
    }

    /// Plays everything but the logs again, in the order of time.
    pub fn replay(&self, sink: &mut impl Sink) {
        let mut controls = self.controls.iter().peekable();
        let mut gaps = self.gaps.iter().peekable();
        for seen in &self.events {
            while let Some((tsc, control)) = controls.next_if(|(tsc, _)| *tsc <= seen.tsc) {
                sink.control(*tsc, control);
            }
            while let Some(gap) = gaps.next_if(|gap| gap.after < seen.tsc) {
                sink.gap(gap);
            }
            sink.event(seen.cpu, &Stamped { tsc: seen.tsc, event: seen.event });
        }
        controls.for_each(|(tsc, control)| sink.control(*tsc, control));
        gaps.for_each(|gap| sink.gap(gap));
        sink.end();
    }
}

/// Only the processes.
struct Replay<'p>(&'p mut Processes);

impl Sink for Replay<'_> {
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        self.0.event(stamped);
    }
    fn control(&mut self, tsc: u64, control: &Control) {
        self.0.control(tsc, control);
    }
}
