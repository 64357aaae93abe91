//! Flags about the machine's memory and what the kernel does when it is short: frames, swap space, eviction policy, failing disks.

use std::fmt;

use clap::builder::RangedI64ValueParser;
use fl_block::Faults;
use fl_reclaim::Choice;

use crate::run::Run;
use crate::{Error, Result};

/// Flags of `run` and `exec`.
#[derive(clap::Args, Clone, Debug)]
pub struct MemoryArgs {
    /// Memory of the machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=65536))]
    pub(super) mem: u32,
    /// Cap the frames (of 4 KiB) that user pages may have, for memory pressure [default: all that are free]
    #[arg(long, value_name = "N", value_parser = frames())]
    user_frames: Option<u32>,
    /// Cap the frames the kernel itself may have, half of which become its heap [default: as many as user frames]
    #[arg(long, value_name = "N", value_parser = frames())]
    kernel_frames: Option<u32>,
    /// Give the guest a swap space of so many pages, as a disk of its own (in memory with --ramdisk) [default: none]
    #[arg(long, value_name = "N", value_parser = frames())]
    swap_pages: Option<u32>,
    /// Which pages to evict first: clock, enhanced, fifo, sieve, 2q [default: clock]
    #[arg(long, value_name = "NAME", value_parser = policy)]
    policy: Option<Choice>,
    /// Let requests to disks fail: OPERATION:DISK:PROBABILITY, as read:swap:0.01; operations read, write, flush, any; disks swap, volume,
    /// any; repeatable. Which ones fail follows from --seed
    #[arg(long, value_name = "RULE", value_parser = fault)]
    fault: Vec<String>,
}

impl MemoryArgs {
    /// Asks all of it of the run.
    pub(super) fn apply(&self, mut run: Run) -> Run {
        run.mem_mib = self.mem;
        run.user_frames = self.user_frames;
        run.kernel_frames = self.kernel_frames;
        run.swap_pages = self.swap_pages;
        if let Some(policy) = self.policy {
            run = run.kernel_arg("policy", policy.name());
        }
        if !self.fault.is_empty() {
            run = run.kernel_arg("fault", &self.fault.join(","));
        }
        run
    }
}

/// A number of frames or pages.
fn frames() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// A policy's name, if the kernel knows it.
pub(super) fn policy(name: &str) -> std::result::Result<Choice, String> {
    name.parse::<Choice>().map_err(|error| error.to_string())
}

/// Rules, if the kernel will take them.
fn fault(rules: &str) -> std::result::Result<String, String> {
    Faults::parse(rules, 0).map(|_| rules.to_owned()).map_err(|error| error.to_string())
}

/// How many user frames each scenario gets: so many, or a part of what it asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameCap {
    /// So many.
    Frames(u32),
    /// One in so many of what the scenario asks for.
    Part(u32),
}

impl FrameCap {
    /// For a scenario that asks for `wanted`.
    pub fn of(self, wanted: u32) -> u32 {
        match self {
            Self::Frames(frames) => frames,
            Self::Part(part) => (wanted / part).max(1),
        }
    }
}

impl fmt::Display for FrameCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => write!(f, "{frames}"),
            Self::Part(part) => write!(f, "1/{part}"),
        }
    }
}

impl std::str::FromStr for FrameCap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|&n| n > 0);
        let cap = match text.split_once('/') {
            Some(("1", part)) => number(part).map(Self::Part),
            Some(_) => None,
            None => number(text).map(Self::Frames),
        };
        let what = "give a number of frames, or a part as 1/4 of what each scenario asks for";
        cap.ok_or_else(|| Error::Usage(format!("'{text}': {what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_a_number_or_a_part() {
        let cap = |text: &str| text.parse::<FrameCap>();
        assert_eq!(cap("600").unwrap().of(1215), 600);
        assert_eq!((cap("1/4").unwrap().of(1215), cap("1/16").unwrap().of(8)), (303, 1));
        for text in ["", "0", "1/0", "2/3", "1/", "-1", "many"] {
            assert!(cap(text).unwrap_err().to_string().contains("1/4"), "{text}");
        }
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_before() {
        assert_eq!(policy("2q"), Ok(Choice::TwoQueue));
        assert!(policy("lru").unwrap_err().contains("clock"));
        assert!(fault("read:swap:0.01,write:volume:1").is_ok());
        assert!(fault("read:swap:2").unwrap_err().contains("0 to 1"));
    }
}
