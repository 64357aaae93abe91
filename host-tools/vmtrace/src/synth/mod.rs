//! Made-up runs for tests and benches: the same bytes for the same [`Plan`], through the real encoder.
//!
//! Key types: [`Plan`], [`Run`]. `world` plays a small machine, `pressure` one that has too little memory; `wire` is its drain thread. A [`Run`] can be edited
//! before it is encoded: that is how tests seed a violation.

mod pressure;
mod wire;
mod world;

pub use wire::{Encoded, damage};

use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::control::{Bye, CPUS_MAX, ClockOffset, Counters, EVENT_KINDS, Hello, Moment};
use fl_trace::event::{Access, Fault, FaultKind, Name, Outcome, Stage, Stamped};

/// What to make up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// Processors.
    pub cpus: u8,
    /// Processes, one after the other on each CPU.
    pub processes: u32,
    /// Pages that each process sweeps, besides text and stack.
    pub sweep: u64,
    /// Ring capacity in events; what does not fit between two visits of the drain is dropped.
    pub ring_events: u32,
    /// By how many ticks a CPU's clock is at most ahead of CPU 0's, or behind it.
    pub skew: u64,
    /// How well that is known, in ticks.
    pub uncertainty: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, cpus: 2, processes: 5, sweep: 40, ring_events: 4096, skew: 0, uncertainty: 500 }
    }
}

/// A made-up run before it is encoded.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its hello.
    pub hello: Hello,
    /// By how many ticks each CPU's clock really is ahead of CPU 0's.
    pub ahead: [i64; CPUS_MAX],
    /// Packets of events that the link carries for each CPU in one visit of the drain; `None`: all there are.
    pub link: Option<usize>,
    /// Counters before the first process; `emitted` and `lost` are set when the run is encoded.
    pub boot: Counters,
    /// Counters after the last process; likewise.
    pub power_off: Counters,
    /// How it ends; `None`: it is cut off.
    pub bye: Option<Bye>,
    /// All events in the order of time, which is CPU 0's on all CPUs.
    pub events: Vec<(CpuId, Stamped)>,
    /// Log records: CPU, time, bytes.
    pub logs: Vec<(CpuId, u64, Vec<u8>)>,
}

impl Run {
    /// Plays `plan`.
    pub fn new(plan: Plan) -> Self {
        world::play(plan)
    }

    /// Plays the processes of `plan` on a machine with too little memory, every event traced.
    pub fn under_pressure(plan: Plan) -> Self {
        pressure::play(plan)
    }

    /// A run with nothing in it, to be filled by hand.
    pub fn empty(cpus: u8) -> Self {
        let mut run = Self::new(Plan { cpus, processes: 0, ..Plan::default() });
        run.events.clear();
        run.logs.clear();
        run
    }

    /// The run as COM2 would carry it.
    pub fn encode(&self) -> Encoded {
        wire::encode(self, |_| ())
    }

    /// The same with the counters of power-off changed by `forge`, after events and losses were counted.
    pub fn encode_with(&self, forge: impl Fn(&mut Counters)) -> Encoded {
        wire::encode(self, forge)
    }
}

/// A fault to be changed with `..fault()`.
pub fn fault() -> Fault {
    Fault {
        pid: Pid(1),
        va: VirtAddr(0x804_9010),
        ip: VirtAddr(0x40_0123),
        kind: FaultKind::Zero,
        access: Access::Write,
        user: true,
        outcome: Outcome::Mapped,
        page: PageId(1),
        generation: 2,
        frame: Pfn(0x100),
        stages: [300, 0, 120, 900, 80],
    }
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text.as_bytes())
}

/// How the clocks of the CPUs stand: as the hello tells, and as it is.
fn offsets(plan: Plan) -> ([ClockOffset; CPUS_MAX], [i64; CPUS_MAX]) {
    let mut random = Random(plan.seed ^ 0xc10c);
    let mut within = |limit: u64| random.range(0, 2 * limit + 1) as i64 - limit as i64;
    let (mut told, mut ahead) = ([ClockOffset::NONE; CPUS_MAX], [0; CPUS_MAX]);
    for (told, ahead) in told.iter_mut().zip(&mut ahead).take(plan.cpus.into()).skip(1) {
        *ahead = within(plan.skew);
        let mistake = if *ahead == 0 { 0 } else { within(plan.uncertainty.into()) };
        *told = ClockOffset { ahead: *ahead + mistake, uncertainty: plan.uncertainty };
    }
    (told, ahead)
}

/// Counters of a machine at rest.
fn counters(at: Moment, user_frames: u32, kernel_frames: u32) -> Counters {
    Counters {
        at,
        emitted: [0; EVENT_KINDS],
        lost: [0; EVENT_KINDS],
        logs_lost: 0,
        fault_ticks: [0; Stage::COUNT],
        user_free: user_frames,
        kernel_free: kernel_frames - 31,
        slots_free: 0,
        heap_used: 18_432,
        threads: 4,
        processes: 0,
        eviction_ipis: 0,
    }
}

/// SplitMix64: small, fast and the same everywhere.
#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// From `low` up to but not including `high`.
    fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }
}
