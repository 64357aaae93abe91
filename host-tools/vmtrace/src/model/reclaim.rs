//! What the kernel did for want of memory: evictions, swap traffic, waiting for frames, the evictor's turns.
//!
//! Key types: [`Reclaim`] (the sums of a run, for `stats`), [`Swapped`]. The order of events does not matter to it.

use crate::model::latency::Latency;
use fl_addr::Pid;
use fl_trace::event::{
    BlockedOn, Event, EvictOutcome, EvictReason, Fault, FrameClass, Level, OutOfMemory, Outcome, Reclaimer,
    SlotFreeReason, Stage,
};

/// Processes ended for want of memory that are named; more are counted only.
const NAMED: usize = 16;

/// Pages that went one way.
#[derive(Clone, Debug)]
pub struct Swapped {
    /// How long the requests of those took that worked, in ticks, page by page.
    pub latency: Latency,
    /// Pages whose request failed.
    pub failed: u64,
    /// Pages by the size of the request that they were part of, less one.
    pub clusters: Vec<u64>,
}

impl Default for Swapped {
    fn default() -> Self {
        Self { latency: Latency::new(3), failed: 0, clusters: Vec::new() }
    }
}

impl Swapped {
    fn add(&mut self, ok: bool, time: u64, run: u16) {
        if ok {
            self.latency.add(time);
        } else {
            self.failed += 1;
        }
        let run = usize::from(run.max(1));
        if run > self.clusters.len() {
            self.clusters.resize(run, 0);
        }
        self.clusters[run - 1] += 1;
    }

    /// Pages that were moved.
    pub fn pages(&self) -> u64 {
        self.latency.count()
    }

    /// Requests: each of so many pages was told once for each of them. Not whole where events are missing.
    pub fn requests(&self) -> u64 {
        self.clusters.iter().zip(1..).map(|(&pages, size)| pages.div_ceil(size)).sum()
    }

    /// Pages in the largest request.
    pub fn largest(&self) -> usize {
        self.clusters.len()
    }
}

/// The evictor's turns.
#[derive(Clone, Debug)]
pub struct Turns {
    /// How long each lasted, in ticks.
    pub time: Latency,
    /// Pages evicted in each.
    pub evicted: Latency,
    /// Frames judged in all of them.
    pub scanned: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Reclaim {
    /// Evictions by reason and outcome.
    pub evictions: [[u64; EvictOutcome::VALUE_COUNT]; EvictReason::VALUE_COUNT],
    /// By who did them.
    pub by: [u64; Reclaimer::VALUE_COUNT],
    /// Evictions of dirty pages by reason.
    pub dirty: [u64; EvictReason::VALUE_COUNT],
    /// Frames judged for each.
    pub scanned: Latency,
    /// Evictions between a page's coming and its going.
    pub age: Latency,
    /// Pages to swap.
    pub out: Swapped,
    /// Of those, the ones that stayed because somebody wanted them meanwhile.
    pub rescued: u64,
    /// Pages from swap.
    pub back: Swapped,
    /// Of those, the ones that nobody had asked for yet.
    pub readahead: u64,
    /// Evictions between a page's going and its return.
    pub distance: Latency,
    /// Slots that became free, by reason.
    pub slots_freed: [u64; SlotFreeReason::VALUE_COUNT],
    /// How long threads slept for a frame, in ticks.
    pub waits: Latency,
    /// Of those, the ones in vain.
    pub waits_in_vain: u64,
    /// The most that waited before somebody when he came.
    pub longest_queue: u16,
    /// Faults that needed a frame.
    pub requests: u64,
    /// Crossings of user frames' watermarks, by where they led.
    pub crossings: [u64; Level::VALUE_COUNT],
    /// The evictor's turns that are over.
    pub turns: Turns,
    /// Times faults slept, by what for.
    pub blocked: [u64; BlockedOn::VALUE_COUNT],
    /// Processes ended for want of memory: the first ones.
    pub oom: Vec<OutOfMemory>,
    /// How many in all.
    pub oom_all: u64,
    /// Samples of accessed bits: how many, of those accessed, of those dirty.
    pub samples: [u64; 3],
    /// Pins made.
    pub pins: u64,
    /// Shootdowns: how many, processors interrupted.
    pub shootdowns: [u64; 2],
}

impl Default for Reclaim {
    fn default() -> Self {
        let none = || Latency::new(3);
        Self {
            evictions: Default::default(),
            by: Default::default(),
            dirty: Default::default(),
            scanned: none(),
            age: none(),
            out: Swapped::default(),
            rescued: 0,
            back: Swapped::default(),
            readahead: 0,
            distance: none(),
            slots_freed: Default::default(),
            waits: none(),
            waits_in_vain: 0,
            longest_queue: 0,
            requests: 0,
            crossings: Default::default(),
            turns: Turns { time: none(), evicted: none(), scanned: 0 },
            blocked: Default::default(),
            oom: Vec::new(),
            oom_all: 0,
            samples: [0; 3],
            pins: 0,
            shootdowns: [0; 2],
        }
    }
}

impl Reclaim {
    /// Takes note of a fault. It needed a frame if it spent time on that, or got a copy, or ended for want of one.
    #[inline]
    pub fn fault(&mut self, fault: &Fault) {
        let asked = fault.stages[Stage::Frame as usize] != 0;
        self.requests += u64::from(asked || matches!(fault.outcome, Outcome::Copied | Outcome::NoMemory));
    }

    /// Takes note of any other event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Evicted(evicted) => {
                self.evictions[evicted.reason as usize][evicted.outcome as usize] += 1;
                self.by[evicted.by as usize] += 1;
                self.dirty[evicted.reason as usize] += u64::from(evicted.dirty);
                self.scanned.add(evicted.scanned.into());
                self.age.add(evicted.age.into());
            }
            Event::SwapOut(out) => {
                self.out.add(out.ok, out.time.0, out.run);
                self.rescued += u64::from(out.ok && out.kept);
            }
            Event::SwapIn(read) => {
                self.back.add(read.ok, read.time.0, 1);
                self.readahead += u64::from(read.readahead);
                self.distance.add(read.distance.into());
            }
            Event::SlotFreed(freed) => self.slots_freed[freed.reason as usize] += 1,
            Event::FrameWait(wait) => {
                self.waits.add(wait.time.0);
                self.waits_in_vain += u64::from(!wait.ok);
                self.longest_queue = self.longest_queue.max(wait.position);
            }
            Event::WatermarkCrossed(crossed) if crossed.class == FrameClass::User => {
                self.crossings[crossed.level as usize] += 1;
            }
            Event::Evictor(turn) if !turn.awake => {
                self.turns.time.add(turn.time.0);
                self.turns.evicted.add(turn.evicted.into());
                self.turns.scanned += u64::from(turn.scanned);
            }
            Event::FaultBlocked(blocked) => self.blocked[blocked.on as usize] += 1,
            Event::OutOfMemory(oom) => {
                self.oom_all += 1;
                if self.oom.len() < NAMED {
                    self.oom.push(*oom);
                }
            }
            Event::AccessSample(sample) => {
                self.samples[0] += 1;
                self.samples[1] += u64::from(sample.accessed);
                self.samples[2] += u64::from(sample.dirty);
            }
            Event::Pinned(_) => self.pins += 1,
            Event::Shootdown(shot) => {
                self.shootdowns[0] += 1;
                self.shootdowns[1] += u64::from(shot.targets.count_ones());
            }
            _ => {}
        }
    }

    /// Evictions of one outcome.
    pub fn outcome(&self, outcome: EvictOutcome) -> u64 {
        self.evictions.iter().map(|by| by[outcome as usize]).sum()
    }

    /// All evictions that were begun.
    pub fn all(&self) -> u64 {
        self.evictions.iter().flatten().sum()
    }

    /// Pages that lost their frame, as far as is known when they are chosen.
    pub fn evicted(&self) -> u64 {
        EvictOutcome::VALUES.into_iter().filter(|o| o.takes_frame()).map(|o| self.outcome(o)).sum()
    }

    /// Who was ended for want of memory, as far as they are named.
    pub fn victims(&self) -> impl Iterator<Item = Pid> {
        self.oom.iter().map(|oom| oom.pid)
    }
}
