//! Counts and distributions of a run, and their reconciliation with the kernel's own counters.
//!
//! Key types: [`Stats`] (a [`Sink`]; the order of events does not matter to it), [`Account`].

use crate::decode::{Gap, Sink};
use crate::model::clock::Clock;
use crate::model::disks::Disks;
use crate::model::latency::Latency;
use crate::model::metrics::{Metrics, Recount};
use crate::model::names::{FAULT_INDEX, FAULT_KINDS, OUTCOMES, kind_index, outcome_index};
use crate::model::process::{Process, Processes};
use crate::model::reclaim::Reclaim;
use fl_addr::CpuId;
use fl_trace::control::{Bye, Control, Counters, EVENT_KINDS, Hello, Moment};
use fl_trace::event::{CacheTransfer, Event, Fault, FrameClass, Stage, Stamped};

/// Processes that get percentiles of their own; later ones get counts, mean and maximum. Bounds memory to some 40 MiB.
const DETAILED: usize = 2048;

/// Gaps whose place is remembered; further ones count for every process.
const GAPS: usize = 4096;

/// Faults of one process.
#[derive(Clone, Debug, Default)]
pub struct ProcessFaults {
    /// By kind.
    pub kinds: [u64; FAULT_KINDS.len()],
    /// Time in all its faults, in ticks.
    pub sum: u64,
    /// The longest, in ticks.
    pub max: u64,
    /// The distribution, for the first processes of a run.
    pub latency: Option<Box<Latency>>,
}

/// Transfers between frame caches and pools, by class and direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transfers {
    /// Batches.
    pub batches: u64,
    /// Frames moved.
    pub frames: u64,
}

/// Everything `vmtrace stats` knows.
#[derive(Debug)]
pub struct Stats {
    /// The run's hello, if one was received.
    pub hello: Option<Hello>,
    /// The clock that the hello gives.
    pub clock: Clock,
    /// Who ran.
    pub processes: Processes,
    /// Faults by the key that [`Processes`] gives.
    pub by_process: Vec<ProcessFaults>,
    /// Latencies by kind and outcome.
    pub by_kind: [[Latency; OUTCOMES.len()]; FAULT_KINDS.len()],
    /// Time by stage, over all faults.
    pub by_stage: [Latency; Stage::COUNT],
    /// Events received, by [`fl_trace::event::Event::index`].
    pub received: [u64; EVENT_KINDS],
    /// Cache transfers by class (user, kernel): refills, drains.
    pub transfers: [[Transfers; 2]; 2],
    /// The kernel's counters: at boot, the last ones while running, at power-off.
    pub counters: [Option<Counters>; 3],
    /// The kernel's own counts.
    pub metrics: Metrics,
    /// The same counted from the events received.
    pub recount: Recount,
    /// How the run ended, if it said so.
    pub bye: Option<Bye>,
    /// Times of the first and the last event, in ticks of the counter.
    pub span: Option<(u64, u64)>,
    /// Pages freed.
    pub pages_freed: u64,
    /// Requests to disks.
    pub disks: Disks,
    /// Eviction, swap, and waiting for memory.
    pub reclaim: Reclaim,
    /// Where events are missing.
    gaps: Vec<Gap>,
}

/// What became of the events of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Emitted, as the kernel counted.
    pub emitted: u64,
    /// Received.
    pub received: u64,
    /// Dropped in the kernel because a ring was full.
    pub dropped: u64,
}

impl Account {
    /// Sent but not received; negative if more was received than the kernel counted.
    pub fn missing(&self) -> i64 {
        self.emitted as i64 - self.dropped as i64 - self.received as i64
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            hello: None,
            clock: Clock::default(),
            processes: Processes::default(),
            by_process: Vec::new(),
            by_kind: std::array::from_fn(|_| std::array::from_fn(|_| Latency::new(3))),
            by_stage: std::array::from_fn(|_| Latency::new(3)),
            received: [0; EVENT_KINDS],
            transfers: Default::default(),
            counters: [None; 3],
            metrics: Metrics::default(),
            recount: Recount::default(),
            bye: None,
            span: None,
            pages_freed: 0,
            disks: Disks::default(),
            reclaim: Reclaim::default(),
            gaps: Vec::new(),
        }
    }
}

impl Stats {
    fn fault(&mut self, process: usize, fault: &Fault) {
        let latency = fault.latency();
        self.by_kind[kind_index(fault.kind)][outcome_index(fault.outcome)].add(latency);
        for (distribution, ticks) in self.by_stage.iter_mut().zip(fault.stages) {
            distribution.add(ticks.into());
        }
        if process >= self.by_process.len() {
            self.by_process.resize_with(process + 1, ProcessFaults::default);
        }
        let faults = &mut self.by_process[process];
        faults.kinds[kind_index(fault.kind)] += 1;
        faults.sum += latency;
        faults.max = faults.max.max(latency);
        if process < DETAILED {
            faults.latency.get_or_insert_with(|| Box::new(Latency::new(2))).add(latency);
        }
    }

    fn transfer(&mut self, transfer: &CacheTransfer, direction: usize) {
        let class = match transfer.class {
            FrameClass::User => 0,
            FrameClass::Kernel => 1,
        };
        let sums = &mut self.transfers[class][direction];
        sums.batches += 1;
        sums.frames += u64::from(transfer.moved);
    }

    /// Latencies of all faults.
    pub fn all_faults(&self) -> Latency {
        let mut all = Latency::new(3);
        self.by_kind.iter().flatten().for_each(|latency| all.merge(latency));
        all
    }

    /// Latencies of one kind, by its index.
    pub fn kind(&self, kind: usize) -> Latency {
        let mut all = Latency::new(3);
        self.by_kind[kind].iter().for_each(|latency| all.merge(latency));
        all
    }

    /// Latencies of one outcome, by its index.
    pub fn outcome(&self, outcome: usize) -> Latency {
        let mut all = Latency::new(3);
        self.by_kind.iter().for_each(|kind| all.merge(&kind[outcome]));
        all
    }

    /// The counters at the end of the run: exact for the whole of it.
    pub fn final_counters(&self) -> Option<&Counters> {
        self.counters[Moment::PowerOff as usize].as_ref()
    }

    /// The newest counters of all.
    pub fn newest_counters(&self) -> Option<&Counters> {
        self.counters.iter().rev().flatten().next()
    }

    /// What became of each kind of event, by the newest counters.
    pub fn accounts(&self) -> Option<[Account; EVENT_KINDS]> {
        let counters = self.newest_counters()?;
        Some(std::array::from_fn(|i| Account {
            emitted: counters.emitted[i],
            received: self.received[i],
            dropped: counters.lost[i],
        }))
    }

    /// Faults that the kernel counted and that were not received, if the run's final counters tell.
    pub fn faults_lost(&self) -> Option<u64> {
        let counters = self.final_counters()?;
        Some(counters.emitted[FAULT_INDEX].saturating_sub(self.received[FAULT_INDEX]))
    }

    /// Of `missing` events, how many may have been of this process: those whose place is known lie outside its life or not.
    pub fn missing_in(&self, process: &Process, missing: u64) -> u64 {
        let sum =
            |gaps: &mut dyn Iterator<Item = &Gap>| gaps.map(|gap| gap.dropped + gap.missing).sum::<u64>();
        let born = process.spawned.unwrap_or(0);
        let dead = process.exit.map_or(u64::MAX, |exit| exit.tsc);
        let all_missing = self.accounts().filter(|_| self.final_counters().is_some());
        let all_missing =
            all_missing.map_or(u64::MAX, |a| a.iter().map(|a| a.emitted.saturating_sub(a.received)).sum());
        let unplaced = match all_missing {
            u64::MAX => 0,
            all => all.saturating_sub(sum(&mut self.gaps.iter())),
        };
        let within = sum(&mut self.gaps.iter().filter(|gap| gap.after <= dead && born <= gap.before));
        missing.min(within.saturating_add(unplaced))
    }
}

impl Sink for Stats {
    #[inline]
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        self.received[stamped.event.index()] += 1;
        self.recount.event(&stamped.event);
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(stamped.tsc), last.max(stamped.tsc)),
            None => (stamped.tsc, stamped.tsc),
        });
        let process = self.processes.event(stamped);
        match &stamped.event {
            Event::Fault(fault) => {
                self.fault(process.unwrap_or(0), fault);
                self.reclaim.fault(fault);
            }
            Event::CacheRefill(transfer) => self.transfer(transfer, 0),
            Event::CacheDrain(transfer) => self.transfer(transfer, 1),
            Event::PageFree(_) => self.pages_freed += 1,
            Event::DiskIo(request) => self.disks.add(request),
            other => self.reclaim.event(other),
        }
    }

    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        self.metrics.control(control);
        match control {
            Control::Hello(hello) => {
                self.hello = Some(*hello);
                self.clock = Clock::of(hello);
            }
            Control::Counters(counters) => self.counters[counters.at as usize] = Some(*counters),
            Control::Bye(bye) => self.bye = Some(*bye),
            Control::LiveProcess { .. }
            | Control::CpuCounters(_)
            | Control::Histogram(_)
            | Control::Lock(_)
            | Control::CaughtUp => {}
        }
    }

    fn gap(&mut self, gap: &Gap) {
        let full = self.gaps.len() >= GAPS;
        match self.gaps.last_mut() {
            // What does not fit in is taken to be anywhere.
            Some(last) if full => {
                *last = Gap {
                    after: 0,
                    before: u64::MAX,
                    dropped: last.dropped + gap.dropped,
                    missing: last.missing + gap.missing,
                    ..*gap
                };
            }
            _ => self.gaps.push(*gap),
        }
    }
}
