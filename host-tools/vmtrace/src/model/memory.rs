//! How memory was in the course of a run: free frames over time, and pages that went and came back.
//!
//! Key types: [`Move`], [`Moves`] (those of one process, or of all), [`Free`], [`Owners`]. In bounded memory whatever the length of the run.

use crate::model::bins::Bins;
use fl_addr::PageId;
use fl_trace::event::Event;
use hashbrown::HashMap;

/// Points of time whose free frames are kept; more than any terminal is wide. When there are more, of two neighbours the lower one stays.
const POINTS: usize = 4096;
/// Pages whose process is remembered; what happens to others is nobody's.
const KNOWN: usize = 1 << 20;

/// What happens to a page for want of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// It is chosen to lose its frame.
    Evicted,
    /// It was written to swap.
    Out,
    /// It was read from swap.
    In,
}

impl Move {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Evicted, Self::Out, Self::In];

    /// What the event is, if it is one and it came to something.
    pub fn of(event: &Event) -> Option<(Self, PageId)> {
        match event {
            Event::Evicted(evicted) if evicted.outcome.takes_frame() => Some((Self::Evicted, evicted.page)),
            Event::SwapOut(out) if out.ok => Some((Self::Out, out.page)),
            Event::SwapIn(read) if read.ok => Some((Self::In, read.page)),
            _ => None,
        }
    }

    /// In a word or two.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Out => "swap out",
            Self::In => "swap in",
        }
    }

    /// For somebody who meets it for the first time.
    pub const fn explained(self) -> &'static str {
        match self {
            Self::Evicted => "a page that lost its frame, for others need one",
            Self::Out => "a page that was written to swap before that",
            Self::In => "a page that was read from swap, because it was wanted again",
        }
    }
}

/// Moves over time.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// By [`Move`].
    pub bins: Bins<{ Move::ALL.len() }>,
    /// Likewise.
    pub counts: [u64; Move::ALL.len()],
}

impl Moves {
    /// Takes note of one.
    pub fn add(&mut self, tsc: u64, moved: Move) {
        self.bins.add(tsc, moved as usize);
        self.counts[moved as usize] += 1;
    }

    /// Whether there was any.
    pub fn any(&self) -> bool {
        self.counts.iter().any(|&n| n > 0)
    }
}

/// Free user frames, where events tell of them.
#[derive(Clone, Debug, Default)]
pub struct Free(Vec<(u64, u32)>);

impl Free {
    /// Takes note of what an event tells.
    pub fn event(&mut self, tsc: u64, event: &Event) {
        let free = match event {
            Event::WatermarkCrossed(crossed) => crossed.free,
            Event::Evictor(turn) => turn.free,
            _ => return,
        };
        if self.0.len() >= POINTS {
            self.0 = self.0.chunks(2).filter_map(|two| two.iter().min_by_key(|(_, n)| *n).copied()).collect();
        }
        self.0.push((tsc, free));
    }

    /// The lowest and the highest that was told.
    pub fn range(&self) -> Option<(u32, u32)> {
        let all = || self.0.iter().map(|&(_, free)| free);
        Some((all().min()?, all().max()?))
    }

    /// The lowest number in each of `columns` equal parts of `from..to`; what was told last where nothing is told, `first` before all.
    pub fn columns(&self, from: u64, to: u64, columns: usize, first: u32) -> Vec<u32> {
        let span = u128::from(to.saturating_sub(from).max(1));
        let mut lowest: Vec<Option<(u32, u32)>> = vec![None; columns];
        for &(tsc, free) in &self.0 {
            let at = u128::from(tsc.clamp(from, to.max(from + 1) - 1) - from) * columns as u128 / span;
            if let Some(place) = lowest.get_mut(at as usize) {
                *place = Some(place.map_or((free, free), |(low, _)| (low.min(free), free)));
            }
        }
        let mut last = first;
        lowest
            .into_iter()
            .map(|column| {
                let (low, then) = column.unwrap_or((last, last));
                last = then;
                low
            })
            .collect()
    }
}

/// Whose pages are, as far as faults and evictions tell.
#[derive(Clone, Debug, Default)]
pub struct Owners(HashMap<PageId, usize>);

impl Owners {
    /// Takes note of an event about `process`; whose page an event without one is about.
    pub fn event(&mut self, event: &Event, process: Option<usize>) -> Option<usize> {
        match event {
            Event::Fault(fault) => self.known(fault.page, process?),
            Event::Evicted(evicted) => self.known(evicted.page, process?),
            Event::SwapOut(out) => return self.0.get(&out.page).copied(),
            Event::SwapIn(read) => return self.0.get(&read.page).copied(),
            Event::SlotFreed(freed) => return self.0.get(&freed.page).copied(),
            Event::PageFree(free) => {
                self.0.remove(&free.page);
            }
            _ => {}
        }
        process
    }

    fn known(&mut self, page: PageId, process: usize) {
        if page != PageId(0) && (self.0.len() < KNOWN || self.0.contains_key(&page)) {
            self.0.insert(page, process);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fl_trace::event::{Evictor, FrameClass, Level, WatermarkCrossed};
    use fl_trace::field::Ticks;

    fn told(free: u32) -> Event {
        let (class, in_flight, level) = (FrameClass::User, 0, Level::Low);
        Event::WatermarkCrossed(WatermarkCrossed { class, free, in_flight, level })
    }

    #[test]
    fn a_column_shows_the_lowest_and_the_next_goes_on_from_the_last() {
        let mut free = Free::default();
        for (tsc, n) in [(10, 50), (12, 3), (19, 9), (35, 60)] {
            free.event(tsc, &told(n));
        }
        assert_eq!(free.columns(0, 50, 5, 100), [100, 3, 9, 60, 60]);
        assert_eq!(free.range(), Some((3, 60)));
    }

    #[test]
    fn however_many_are_told_the_lowest_stays() {
        let mut free = Free::default();
        for tsc in 0..100_000u64 {
            let n = if tsc == 77_777 { 1 } else { 500 };
            let turn = Evictor { awake: true, free: n, in_flight: 0, evicted: 0, scanned: 0, time: Ticks(0) };
            free.event(tsc, &Event::Evictor(turn));
        }
        assert!(free.0.len() <= POINTS);
        assert_eq!(free.range(), Some((1, 500)));
    }
}
