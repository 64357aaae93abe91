//! Sends each CPU's counters and histograms as control records: what has changed, or all.
//!
//! They are cumulative, so a record that gets lost costs nothing once its successor is there.

use super::emit::{self, CpuTrace};
use super::pump::Pump;
use crate::arch::MAX_CPUS;
use crate::percpu;
use crate::sync::{self, LockClass};
use crate::time::common_tsc;
use alloc::vec;
use alloc::vec::Vec;
use fl_addr::CpuId;
use fl_metrics::scale::BUCKETS;
use fl_trace::control::{Control, CpuCounters, Moment};
use fl_trace::metrics::{HistogramPart, Series, WINDOW};

/// Parts of a histogram.
const PARTS: usize = BUCKETS.div_ceil(WINDOW);

/// What was sent last, for each CPU. Made in place on the heap: it is larger than a stack.
pub struct Sent {
    /// A part of a histogram only grows, so its sum tells whether it has changed.
    sums: Vec<[[u64; PARTS]; Series::COUNT]>,
    /// How often locks were waited for, by class.
    locks: Vec<[u64; LockClass::COUNT]>,
}

impl Sent {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            sums: vec![[[0; PARTS]; Series::COUNT]; MAX_CPUS],
            locks: vec![[0; LockClass::COUNT]; MAX_CPUS],
        }
    }

    /// Sends what has changed since the last call, or `all` that is not zero, for those who came later.
    #[inline(never)]
    pub fn send(&mut self, pump: &mut Pump, at: Moment, all: bool) {
        for cpu in percpu::online() {
            let trace = emit::of(cpu);
            counters(pump, cpu, trace, at);
            self.locks(pump, cpu, all);
            for &series in Series::ALL {
                self.histogram(pump, cpu, trace, series, all);
            }
        }
    }

    #[inline(never)]
    fn locks(&mut self, pump: &mut Pump, cpu: CpuId, all: bool) {
        for (&class, sent) in LockClass::ALL.iter().zip(&mut self.locks[usize::from(cpu.0)]) {
            let lock = sync::lock_use(cpu, class);
            if lock.contended != *sent || (all && *sent != 0) {
                *sent = lock.contended;
                pump.control(&Control::Lock(lock));
            }
        }
    }

    #[inline(never)]
    fn histogram(&mut self, pump: &mut Pump, cpu: CpuId, trace: &CpuTrace, series: Series, all: bool) {
        let histogram = trace.histogram(series);
        for (part, sent) in self.sums[usize::from(cpu.0)][series as usize].iter_mut().enumerate() {
            let first = part * WINDOW;
            let counts = histogram.window(first);
            let now = counts.iter().sum();
            if now != *sent || (all && now != 0) {
                *sent = now;
                let (sum, max) = (histogram.sum(), histogram.max());
                let part = HistogramPart { cpu, series, first: first as u16, counts, sum, max };
                pump.control(&Control::Histogram(part));
            }
        }
    }
}

#[inline(never)]
fn counters(pump: &mut Pump, cpu: CpuId, trace: &CpuTrace, at: Moment) {
    let since = common_tsc();
    let (emitted, lost, untraced) = (trace.emitted(), trace.lost(), trace.untraced());
    let ipis = trace.ipis();
    pump.control_of(since, &Control::CpuCounters(CpuCounters { cpu, at, emitted, lost, untraced, ipis }));
}
