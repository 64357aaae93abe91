//! What describes a run: hello, sync, live processes, and the kernel's own counters at boot, on the way and at power-off.
//!
//! Control records are rare and self-contained: any one of them can be read without those before it.

use crate::class::Classes;
use crate::event::{Name, Stage};
use crate::locks::LockUse;
use crate::metrics::HistogramPart;
use fl_addr::{CpuId, Pid};
use serde::{Deserialize, Serialize};

/// How many kinds of [`crate::event::Event`] there are; counters are indexed by [`crate::event::Event::index`].
pub const EVENT_KINDS: usize = crate::event::Event::KINDS;

/// A record of the control channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Control {
    /// First record of a run, and repeated about once a second, so that a viewer may join late.
    Hello(Hello),
    /// A process that lives at this moment; follows each repeated hello.
    LiveProcess {
        /// Who.
        pid: Pid,
        /// Whose child.
        parent: Pid,
        /// Its name.
        name: Name,
    },
    /// The kernel's counters; exact whatever the rings dropped.
    Counters(Counters),
    /// The last record of a run that ended in order.
    Bye(Bye),
    /// One CPU's part of the counters.
    CpuCounters(CpuCounters),
    /// A part of one CPU's histogram; every second what has changed, every ten seconds and at power-off all.
    Histogram(HistogramPart),
    /// How a class of spin locks was waited for; every second those that were.
    Lock(LockUse),
    /// Whatever any CPU recorded before this record's time was sent before it, or is lost: a reader can put it into the order of time. Only where there are
    /// several CPUs.
    CaughtUp,
}

/// What a reader must know to make sense of the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::SCHEMA_VERSION`] of the writer.
    pub schema: u32,
    /// [`crate::schema_fingerprint`] of the writer: differs when any event type differs.
    pub fingerprint: u32,
    /// Build id of the kernel ELF (`.note.gnu.build-id`, first 20 bytes), zero if it has none.
    pub build_id: [u8; 20],
    /// Time-stamp counter ticks per second.
    pub tsc_hz: u64,
    /// Time-stamp counter at boot: zero of the run's clock.
    pub tsc_boot: u64,
    /// Processors running.
    pub cpus: u8,
    /// User frames at boot.
    pub user_frames: u32,
    /// Kernel frames at boot.
    pub kernel_frames: u32,
    /// Swap slots.
    pub swap_slots: u32,
    /// Capacity of each CPU's event ring, in events.
    pub ring_events: u32,
    /// What is traced: see [`Hello::classes`].
    pub classes: u32,
    /// Whether threads wait rather than lose events.
    pub lossless: bool,
    /// User frames free at which frames are kept for eviction itself and for processes on their way out: the lowest watermark.
    pub frames_min: u32,
    /// Below it the evictor begins.
    pub frames_low: u32,
    /// At it the evictor stops.
    pub frames_high: u32,
    /// The eviction policy; empty if nothing is evicted.
    pub policy: Name,
}

impl Hello {
    /// The classes of events that are traced. Events of others happen all the same, and are counted.
    pub const fn classes(&self) -> Classes {
        Classes::from_bits(self.classes)
    }
}

/// The kernel's counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counters {
    /// When these were read.
    pub at: Moment,
    /// Events of traced classes since boot by kind, lost ones included; all CPUs.
    pub emitted: [u64; EVENT_KINDS],
    /// Of those, events lost because a ring was full.
    pub lost: [u64; EVENT_KINDS],
    /// Log records lost because a log buffer was full.
    pub logs_lost: u64,
    /// Time spent in faults by stage, in ticks, all faults; lost ones included.
    pub fault_ticks: [u64; Stage::COUNT],
    /// User frames free: pool and caches together.
    pub user_free: u32,
    /// Kernel frames free: pool and caches together.
    pub kernel_free: u32,
    /// Swap slots free.
    pub slots_free: u32,
    /// Kernel heap bytes in use.
    pub heap_used: u64,
    /// Kernel threads and user threads that exist.
    pub threads: u32,
    /// Processes that exist.
    pub processes: u32,
}

/// One CPU's part of [`Counters`], and what happened on it untraced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CpuCounters {
    /// Which.
    pub cpu: CpuId,
    /// When these were read.
    pub at: Moment,
    /// As [`Counters::emitted`].
    pub emitted: [u64; EVENT_KINDS],
    /// As [`Counters::lost`].
    pub lost: [u64; EVENT_KINDS],
    /// Events that happened while their class was not traced, by kind. Histograms count them too.
    pub untraced: [u64; EVENT_KINDS],
}

/// When [`Counters`] were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Moment {
    /// Before the first process: the values that power-off is measured against.
    Boot,
    /// While running.
    Running,
    /// After the last process was reaped.
    PowerOff,
}

/// How the run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Bye {
    /// All programs ran and the machine powers off.
    PowerOff,
    /// The kernel panicked; what the rings held was flushed.
    Panic,
}
