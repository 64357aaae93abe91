//! The kernel's own counts, put together from the control records that carry them: [`Metrics`].
//!
//! They are exact whatever was traced or lost. What is kept is the newest of each.

use fl_addr::CpuId;
use fl_metrics::Counts;
use fl_metrics::scale::BUCKETS;
use fl_trace::control::{Control, Counters, CpuCounters, EVENT_KINDS, Hello, Moment};
use fl_trace::event::Event;
use fl_trace::locks::{LockClass, LockUse};
use fl_trace::metrics::{HistogramPart, Series, samples};
use std::collections::BTreeMap;

/// What the kernel counted.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// The run's hello, if one was received.
    pub hello: Option<Hello>,
    /// The newest counters.
    pub counters: Option<Counters>,
    /// The newest of each CPU.
    pub cpus: BTreeMap<CpuId, CpuCounters>,
    /// How spin locks were waited for, by class: those that were.
    pub locks: BTreeMap<LockClass, LockUse>,
    histograms: BTreeMap<(Series, CpuId), Counts>,
}

impl Metrics {
    /// Takes a control record.
    pub fn control(&mut self, control: &Control) {
        match control {
            Control::Hello(hello) => self.hello = Some(*hello),
            Control::Counters(counters) => self.counters = Some(*counters),
            Control::CpuCounters(counters) => {
                self.cpus.insert(counters.cpu, *counters);
            }
            Control::Histogram(part) => self.part(part),
            Control::Lock(lock) => {
                self.locks.insert(lock.class, *lock);
            }
            Control::LiveProcess { .. } | Control::Bye(_) | Control::CaughtUp => {}
        }
    }

    fn part(&mut self, part: &HistogramPart) {
        let counts = self.histograms.entry((part.series, part.cpu)).or_default();
        let first = usize::from(part.first);
        // What a newer kernel may count beyond our scale is left out.
        for (i, &count) in part.counts.iter().enumerate().filter(|(i, _)| first + i < BUCKETS) {
            counts.buckets[first + i] = count;
        }
        (counts.sum, counts.max) = (part.sum, part.max);
    }

    /// That series of one CPU.
    pub fn of_cpu(&self, series: Series, cpu: CpuId) -> Option<&Counts> {
        self.histograms.get(&(series, cpu))
    }

    /// That series of all CPUs.
    pub fn of_all(&self, series: Series) -> Counts {
        let mut all = Counts::default();
        self.histograms
            .range((series, CpuId(0))..=(series, CpuId(u8::MAX)))
            .for_each(|(_, one)| all.merge(one));
        all
    }

    /// Whether these are the counts of the whole run.
    pub fn are_final(&self) -> bool {
        let of_power_off = |at: Moment| at == Moment::PowerOff;
        self.counters.is_some_and(|counters| of_power_off(counters.at))
            && !self.cpus.is_empty()
            && self.cpus.values().all(|counters| of_power_off(counters.at))
    }

    /// Events of each kind that happened untraced, on all CPUs.
    pub fn untraced(&self) -> [u64; EVENT_KINDS] {
        let mut sum = [0; EVENT_KINDS];
        for cpu in self.cpus.values() {
            sum.iter_mut().zip(cpu.untraced).for_each(|(sum, n)| *sum += n);
        }
        sum
    }
}

/// Counts events as the kernel does.
#[derive(Clone, Debug)]
pub struct Recount([Counts; Series::COUNT]);

impl Default for Recount {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counts::default()))
    }
}

impl Recount {
    /// An event arrived.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        samples(event, |series, ticks| self.0[series as usize].add(ticks));
    }

    /// What it comes to.
    pub fn of(&self, series: Series) -> &Counts {
        &self.0[series as usize]
    }
}
