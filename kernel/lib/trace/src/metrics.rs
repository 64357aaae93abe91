//! What the kernel counts of its events besides sending them: latencies by [`Series`].
//!
//! [`samples`] says what an event adds, and is the only place that does: the kernel counts every event that happens by it, whether it is
//! traced or dropped, and vmtrace counts those that arrive. If all arrive, the two are the same to the last one.

use crate::event::{DiskOperation, Event, Fault, FaultKind, Stage};
use fl_addr::CpuId;
use serde::{Deserialize, Serialize};

/// Declares the series: metric, label, value of the label.
macro_rules! series {
    ($($(#[$doc:meta])* $series:ident $metric:literal $label:literal $value:literal;)*) => {
        /// One distribution of durations. Append-only, as events are.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Series { $($(#[$doc])* $series,)* }

        impl Series {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$series),*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Metric, label and the label's value: `("fault", "kind", "zero")`. The only series of a metric has no label.
            pub const fn names(self) -> (&'static str, &'static str, &'static str) {
                match self { $(Self::$series => ($metric, $label, $value)),* }
            }
        }
    };
}

series! {
    /// Faults that needed a zero-filled page.
    FaultZero "fault" "kind" "zero";
    /// Faults that needed a page of the program file.
    FaultExecutable "fault" "kind" "executable";
    /// Faults that needed a page of the stack.
    FaultStack "fault" "kind" "stack";
    /// Bad accesses.
    FaultBad "fault" "kind" "bad";
    /// [`Stage::Lookup`] of the faults that went through it, as the following.
    StageLookup "fault_stage" "stage" "lookup";
    /// [`Stage::Wait`].
    StageWait "fault_stage" "stage" "wait";
    /// [`Stage::Frame`].
    StageFrame "fault_stage" "stage" "frame";
    /// [`Stage::Fill`].
    StageFill "fault_stage" "stage" "fill";
    /// [`Stage::Map`].
    StageMap "fault_stage" "stage" "map";
    /// System calls that came back.
    Syscall "syscall" "" "";
    /// Faults that needed a page of a mapped file.
    FaultMapping "fault" "kind" "mapping";
    /// Requests to disks, as the following: reads.
    DiskRead "disk" "operation" "read";
    /// Writes.
    DiskWrite "disk" "operation" "write";
    /// Flushes.
    DiskFlush "disk" "operation" "flush";
    /// Faults that needed a page that is in a swap slot.
    FaultSwap "fault" "kind" "swap";
    /// Pages to their swap slots: the requests they were part of.
    SwapOut "swap" "direction" "out";
    /// Pages from their swap slots, likewise.
    SwapIn "swap" "direction" "in";
    /// Threads that slept for a frame.
    FrameWait "frame_wait" "" "";
    /// How long the evictor was awake at a time.
    Evictor "evictor" "" "";
    /// Until all CPUs had forgotten translations.
    Shootdown "shootdown" "" "";
}

impl Series {
    /// The series of faults of that kind.
    pub const fn of_fault(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Zero => Self::FaultZero,
            FaultKind::Executable => Self::FaultExecutable,
            FaultKind::Stack => Self::FaultStack,
            FaultKind::Bad => Self::FaultBad,
            FaultKind::Mapping => Self::FaultMapping,
            FaultKind::Swap => Self::FaultSwap,
        }
    }

    /// The series of that stage.
    pub const fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::Lookup => Self::StageLookup,
            Stage::Wait => Self::StageWait,
            Stage::Frame => Self::StageFrame,
            Stage::Fill => Self::StageFill,
            Stage::Map => Self::StageMap,
        }
    }

    /// The series of requests of that kind.
    pub const fn of_disk(operation: DiskOperation) -> Self {
        match operation {
            DiskOperation::Read => Self::DiskRead,
            DiskOperation::Write => Self::DiskWrite,
            DiskOperation::Flush => Self::DiskFlush,
        }
    }

    /// [`Event::index`] of the events that it counts.
    pub const fn event(self) -> usize {
        match self {
            Self::Syscall => Event::SYSCALL,
            Self::DiskRead | Self::DiskWrite | Self::DiskFlush => Event::DISK,
            Self::SwapOut => Event::SWAP_OUT,
            Self::SwapIn => Event::SWAP_IN,
            Self::FrameWait => Event::FRAME_WAIT,
            Self::Evictor => Event::EVICTOR,
            Self::Shootdown => Event::SHOOTDOWN,
            _ => Event::FAULT,
        }
    }
}

/// Calls `count` with each series that the event belongs to, and a duration in ticks. A stage that took no time was not gone through.
#[inline]
pub fn samples(event: &Event, mut count: impl FnMut(Series, u64)) {
    match event {
        Event::Fault(fault) => fault_samples(fault, count),
        Event::Syscall(call) => count(Series::Syscall, call.time.0),
        Event::DiskIo(io) => count(Series::of_disk(io.operation), io.time.0),
        Event::SwapOut(out) => count(Series::SwapOut, out.time.0),
        Event::SwapIn(page) => count(Series::SwapIn, page.time.0),
        Event::FrameWait(wait) => count(Series::FrameWait, wait.time.0),
        Event::Evictor(evictor) if !evictor.awake => count(Series::Evictor, evictor.time.0),
        Event::Shootdown(shootdown) => count(Series::Shootdown, shootdown.time.0),
        _ => {}
    }
}

#[inline]
fn fault_samples(fault: &Fault, mut count: impl FnMut(Series, u64)) {
    count(Series::of_fault(fault.kind), fault.latency());
    for stage in Stage::ALL {
        let ticks = fault.stages[stage as usize];
        if ticks != 0 {
            count(Series::of_stage(stage), ticks.into());
        }
    }
}

/// Buckets that travel in one record.
pub const WINDOW: usize = 32;

/// A part of one CPU's histogram: the kernel's count since boot. Its buckets are those of `fl_metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HistogramPart {
    /// Whose count.
    pub cpu: CpuId,
    /// Of what.
    pub series: Series,
    /// The first bucket told here; a multiple of [`WINDOW`].
    pub first: u16,
    /// How many values there are in it and in those behind it. A part that is never told is all zero.
    pub counts: [u64; WINDOW],
    /// Sum of all values of the series on that CPU, in ticks, saturating.
    pub sum: u64,
    /// The largest of them.
    pub max: u64,
}
