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
    /// How each CPU has waited for spin locks, by class: those that were waited for.
    pub locks: BTreeMap<(LockClass, CpuId), LockUse>,
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
                self.locks.insert((lock.class, lock.cpu), *lock);
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

    /// How often an event of that kind ([`Event`]'s index) happened on that CPU, traced or not.
    pub fn happened(&self, cpu: CpuId, kind: usize) -> u64 {
        self.cpus.get(&cpu).map_or(0, |counters| counters.emitted[kind] + counters.untraced[kind])
    }

    /// Interrupts that took translations out of other CPUs' caches, on all CPUs.
    pub fn ipis(&self) -> u64 {
        self.cpus.values().map(|counters| counters.ipis).sum()
    }

    /// Of these, how many were sent to evict pages, and how many pages were evicted. `None`: not known, or none was evicted.
    pub fn eviction_ipis(&self) -> Option<(u64, u64)> {
        let pages = self.cpus.keys().map(|&cpu| self.happened(cpu, Event::EVICTED)).sum();
        self.counters.filter(|_| pages > 0).map(|counters| (counters.eviction_ipis, pages))
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
pub struct Recount {
    series: [Counts; Series::COUNT],
    /// Interrupts that shootdowns sent.
    pub ipis: u64,
}

impl Default for Recount {
    fn default() -> Self {
        Self { series: std::array::from_fn(|_| Counts::default()), ipis: 0 }
    }
}

impl Recount {
    /// An event arrived.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        samples(event, |series, ticks| self.series[series as usize].add(ticks));
        if let Event::Shootdown(shot) = event {
            self.ipis += u64::from(shot.targets.count_ones());
        }
    }

    /// What it comes to.
    pub fn of(&self, series: Series) -> &Counts {
        &self.series[series as usize]
    }
}
