//! Collapses faults on neighbouring pages into runs: "16 pages, zero, 1.2-3.4 us".
//!
//! Key types: [`Runs`], [`Run`]. A program that sweeps memory also fetches text and pushes on its stack, so several runs
//! are open at once; the one used longest ago is closed first. Memory is bounded: what exceeds it is in no run.

use fl_addr::Vpn;
use fl_trace::event::{Fault, FaultKind, Outcome};

/// Runs that may grow at the same time.
const OPEN: usize = 8;
/// Runs kept per process; further faults are in none.
const KEPT: usize = 4096;

/// Faults of one kind and outcome on neighbouring pages, in ascending or descending order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Lowest page.
    pub low: Vpn,
    /// Highest page.
    pub high: Vpn,
    /// What was needed.
    pub kind: FaultKind,
    /// How they ended.
    pub outcome: Outcome,
    /// Whether a read, a write, an instruction fetch was among them.
    pub access: [bool; 3],
    /// Whether the kernel touched one of them for a system call.
    pub by_kernel: bool,
    /// Faults; more than pages if a page faulted twice.
    pub faults: u64,
    /// Shortest, in ticks.
    pub min: u64,
    /// Longest, in ticks.
    pub max: u64,
    /// When the first ended.
    pub first: u64,
    /// When the last ended.
    pub last: u64,
}

impl Run {
    fn new(tsc: u64, fault: &Fault) -> Self {
        let (page, latency) = (fault.va.vpn(), fault.latency());
        let mut run = Self {
            low: page,
            high: page,
            kind: fault.kind,
            outcome: fault.outcome,
            access: [false; 3],
            by_kernel: false,
            faults: 0,
            min: latency,
            max: latency,
            first: tsc,
            last: tsc,
        };
        run.add(tsc, fault);
        run
    }

    /// Pages from the lowest to the highest.
    pub fn pages(&self) -> u64 {
        self.high.0 - self.low.0 + 1
    }

    fn takes(&self, fault: &Fault) -> bool {
        let page = fault.va.vpn().0;
        self.kind == fault.kind
            && self.outcome == fault.outcome
            && page <= self.high.0.saturating_add(1)
            && page.saturating_add(1) >= self.low.0
    }

    fn add(&mut self, tsc: u64, fault: &Fault) {
        let (page, latency) = (fault.va.vpn(), fault.latency());
        self.low = self.low.min(page);
        self.high = self.high.max(page);
        self.access[fault.access as usize] = true;
        self.by_kernel |= !fault.user;
        self.faults += 1;
        self.min = self.min.min(latency);
        self.max = self.max.max(latency);
        self.first = self.first.min(tsc);
        self.last = self.last.max(tsc);
    }
}

/// The runs of one process.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    all: Vec<Run>,
    /// Indices into `all`, the one used last at the end.
    open: Vec<usize>,
}

impl Runs {
    /// Adds a fault that ended at `tsc`.
    pub fn add(&mut self, tsc: u64, fault: &Fault) {
        if let Some(at) = self.open.iter().rposition(|&i| self.all[i].takes(fault)) {
            let i = self.open.remove(at);
            self.all[i].add(tsc, fault);
            self.open.push(i);
        } else if self.all.len() < KEPT {
            if self.open.len() == OPEN {
                self.open.remove(0);
            }
            self.open.push(self.all.len());
            self.all.push(Run::new(tsc, fault));
        }
    }

    /// In the order of their first fault.
    pub fn all(&self) -> &[Run] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::fault;
    use fl_addr::VirtAddr;

    fn zero(page: u64) -> Fault {
        Fault { va: VirtAddr(page << 12), ..fault() }
    }

    #[test]
    fn a_sweep_is_one_run_though_text_and_stack_fault_in_between() {
        let mut runs = Runs::default();
        for i in 0..16 {
            runs.add(i * 10, &zero(0x8049 + i));
            if i % 5 == 0 {
                runs.add(i * 10 + 1, &Fault { kind: FaultKind::Executable, ..zero(0x400 + i / 5) });
                runs.add(i * 10 + 2, &Fault { kind: FaultKind::Stack, ..zero(0x7000 - i / 5) });
            }
        }
        let pages: Vec<_> = runs.all().iter().map(|r| (r.low.0, r.pages(), r.kind)).collect();
        assert_eq!(
            pages,
            [(0x8049, 16, FaultKind::Zero), (0x400, 4, FaultKind::Executable), (0x6ffd, 4, FaultKind::Stack)]
        );
    }

    #[test]
    fn scattered_faults_do_not_grow_memory_without_limit() {
        let mut runs = Runs::default();
        for i in 0..10_000 {
            runs.add(i, &zero(i * 7));
        }
        assert_eq!(runs.all().len(), KEPT);
        assert_eq!(runs.all().iter().map(|run| run.faults).sum::<u64>(), KEPT as u64);
    }

    #[test]
    fn the_ends_of_the_address_space_do_not_overflow() {
        let mut runs = Runs::default();
        runs.add(0, &zero(u64::MAX >> 12));
        runs.add(0, &zero(0));
        assert_eq!(runs.all().len(), 2);
    }
}
