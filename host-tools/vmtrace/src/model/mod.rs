//! What events mean: processes, runs of faults, lives of pages, distributions, the clock.
//!
//! Everything here is fed event by event and keeps memory that does not depend on the length of the trace.

pub mod bins;
pub mod clock;
pub mod clocks;
pub mod disks;
pub mod filter;
pub mod flame;
pub mod history;
pub mod lanes;
pub mod latency;
pub mod life;
pub mod memory;
pub mod merge;
pub mod metrics;
pub mod names;
pub mod process;
pub mod reclaim;
pub mod runs;
pub mod stats;
