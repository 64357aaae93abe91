//! Which events a person wants to see: by kind, process, address and time.
//!
//! Key types: [`Filter`], [`Kind`], and the texts a user may type for an address range ([`Range`]) and a moment ([`Moment`]).

use crate::model::clock::Clock;
use crate::model::process::pid_of;
use clap::ValueEnum;
use fl_addr::{Pid, VirtAddr};
use fl_trace::event::{Event, FaultKind, Stamped};
use std::str::FromStr;

/// Kinds of event as a user names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Kind {
    /// All page faults
    Fault,
    /// Faults on zero-filled memory
    Zero,
    /// Faults on pages of the program file
    Executable,
    /// Faults that grow the stack
    Stack,
    /// Faults on addresses that are not the program's
    Bad,
    /// Faults on mapped files
    Mapping,
    /// Files mapped
    Mmap,
    /// Mappings taken out
    Munmap,
    /// Pages of mapped files written to their file
    WriteBack,
    /// Processes made by the kernel
    Spawn,
    /// Processes made by fork
    Fork,
    /// Processes that became another program
    Exec,
    /// Processes that waited for a child
    Wait,
    /// Processes ended
    Exit,
    /// Frames moved between a CPU's cache and the pool
    Cache,
    /// Pages freed
    Free,
    /// Pages copied
    #[value(name = "page-copy")]
    Copy,
    /// Requests to disks
    Disk,
    /// Pages to and from swap slots, the faults that wanted them, and slots freed
    Swap,
    /// Pages evicted
    Evict,
    /// Pages written to swap
    SwapOut,
    /// Pages read from swap
    SwapIn,
    /// Swap slots freed
    SlotFree,
    /// The evictor wakes and sleeps
    Evictor,
    /// Free frames cross a watermark
    Watermark,
    /// Threads that slept for a frame
    FrameWait,
    /// Processes ended because there is no memory
    Oom,
    /// Faults that have to sleep
    Blocked,
    /// Pages pinned
    Pin,
    /// Pages unpinned
    Unpin,
    /// Samples of accessed and dirty bits
    Access,
    /// Translations taken out of other CPUs' caches
    Shootdown,
    /// Changes of what is traced
    Trace,
}

impl Kind {
    fn matches(self, event: &Event) -> bool {
        match event {
            Event::Fault(fault) => match self {
                Self::Fault => true,
                Self::Zero => fault.kind == FaultKind::Zero,
                Self::Executable => fault.kind == FaultKind::Executable,
                Self::Stack => fault.kind == FaultKind::Stack,
                Self::Bad => fault.kind == FaultKind::Bad,
                Self::Mapping => fault.kind == FaultKind::Mapping,
                Self::Swap => fault.kind == FaultKind::Swap,
                _ => false,
            },
            Event::CacheRefill(_) | Event::CacheDrain(_) => self == Self::Cache,
            Event::PageFree(_) => self == Self::Free,
            Event::SwapOut(_) | Event::SwapIn(_) | Event::SlotFreed(_) if self == Self::Swap => true,
            // A kind of its own is called as the event is.
            other => self.to_possible_value().is_some_and(|value| value.get_name() == other.name()),
        }
    }
}

/// Addresses from the first up to but not including the last; `last` 0 with a wrap means the end of the address space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First address.
    pub first: VirtAddr,
    /// Last address that belongs to it.
    pub last: VirtAddr,
}

/// A number as a user writes it: decimal, or hexadecimal after `0x`; `_` between digits is fine.
///
/// # Errors
/// What is wrong, in words.
pub fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number or address (like 0x8049000)"))
}

impl FromStr for Range {
    type Err = String;

    /// `A..B` (B excluded), `A+BYTES`, or `A` alone: its page.
    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = if let Some((from, to)) = text.split_once("..") {
            let to = number(to)?;
            (number(from)?, to.checked_sub(1).ok_or("the range is empty")?)
        } else if let Some((from, len)) = text.split_once('+') {
            let (from, len) = (number(from)?, number(len)?);
            (from, from.saturating_add(len.checked_sub(1).ok_or("the range is empty")?))
        } else {
            let page = VirtAddr(number(text)?).align_down().0;
            (page, page + 4095)
        };
        if first > last {
            return Err("the range ends before it begins".into());
        }
        Ok(Self { first: VirtAddr(first), last: VirtAddr(last) })
    }
}

/// A moment of the run, since boot.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Moment {
    /// In nanoseconds.
    Nanos(f64),
    /// In ticks.
    Ticks(u64),
}

impl Moment {
    /// The counter's value at that moment; `None` if the clock's frequency is needed and unknown.
    pub fn tsc(self, clock: &Clock) -> Option<u64> {
        let ticks = match self {
            Self::Ticks(ticks) => ticks,
            Self::Nanos(nanos) => clock.ticks(nanos)?,
        };
        Some(clock.boot.saturating_add(ticks))
    }
}

impl FromStr for Moment {
    type Err = String;

    /// `12.5ms`, `300us`, `1s`, `500ns`, or `123456` ticks, all since boot.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no time since boot (like 12.5ms, 300us, 1.2s, or ticks without a unit)");
        if let Ok(ticks) = text.parse() {
            return Ok(Self::Ticks(ticks));
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale = match text[digits.len()..].trim() {
            "ns" => 1.0,
            "us" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            _ => return Err(wrong()),
        };
        match digits.trim().parse::<f64>() {
            Ok(value) if value >= 0.0 && value.is_finite() => Ok(Self::Nanos(value * scale)),
            _ => Err(wrong()),
        }
    }
}

/// What is to be seen; everything by default.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    /// Any of these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// Any of these processes; all if empty.
    pub pids: Vec<Pid>,
    /// Faults at these addresses only.
    pub va: Option<Range>,
    /// Not before this.
    pub from: Option<Moment>,
    /// Not after this.
    pub to: Option<Moment>,
}

impl Filter {
    /// Whether the event is to be seen. A time in seconds hides nothing until the clock is known.
    pub fn passes(&self, clock: &Clock, stamped: &Stamped) -> bool {
        let event = &stamped.event;
        if !self.kinds.is_empty() && !self.kinds.iter().any(|kind| kind.matches(event)) {
            return false;
        }
        if !self.pids.is_empty() && pid_of(event).is_none_or(|pid| !self.pids.contains(&pid)) {
            return false;
        }
        if let Some(range) = self.va {
            let Event::Fault(fault) = event else { return false };
            if !(range.first..=range.last).contains(&fault.va) {
                return false;
            }
        }
        let from = self.from.and_then(|moment| moment.tsc(clock));
        let to = self.to.and_then(|moment| moment.tsc(clock));
        from.is_none_or(|from| stamped.tsc >= from) && to.is_none_or(|to| stamped.tsc <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::fault;

    #[test]
    fn ranges_are_written_in_three_ways() {
        let range = |text: &str| text.parse::<Range>().map(|r| (r.first.0, r.last.0));
        assert_eq!(range("0x1000..0x3000"), Ok((0x1000, 0x2fff)));
        assert_eq!(range("0x1000+0x10"), Ok((0x1000, 0x100f)));
        assert_eq!(range("0x804_9123"), Ok((0x804_9000, 0x804_9fff)));
        assert_eq!(range("0xffffffffffffffff"), Ok((0xffff_ffff_ffff_f000, u64::MAX)));
        for wrong in ["", "x", "5..1", "0..0", "1+0", "0x1000..y"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_carry_units() {
        let clock = Clock { hz: Some(2_000_000_000), boot: 100 };
        let tsc = |text: &str| text.parse::<Moment>().ok().and_then(|m| m.tsc(&clock));
        assert_eq!(tsc("1us"), Some(2100));
        assert_eq!(tsc("0.5 ms"), Some(1_000_100));
        assert_eq!(tsc("77"), Some(177));
        for wrong in ["", "ms", "-1ms", "5min", "nan s", "1e999s"] {
            assert_eq!(tsc(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_filter_hides_everything_that_has_no_address() {
        let filter = Filter { va: Some("0x8049000".parse().unwrap()), ..Filter::default() };
        let clock = Clock::default();
        let here = Stamped { tsc: 5, event: Event::Fault(fault()) };
        assert!(filter.passes(&clock, &here));
        let there = Stamped {
            tsc: 5,
            event: Event::Fault(fl_trace::event::Fault { va: VirtAddr(0x804_a000), ..fault() }),
        };
        assert!(!filter.passes(&clock, &there));
        let late = Filter { from: Some(Moment::Ticks(6)), ..Filter::default() };
        assert!(!late.passes(&clock, &here));
    }
}
