//! The way of a page fault: classify, find the page, bring it in, map it, and record one event about it.

use super::map::map;
use super::page::Page;
use super::resolve::{ResolveError, resolve};
use super::space::{Space, SpaceError};
use crate::arch::cpu::tsc;
use crate::reclaim::Tables;
use crate::trace::emit;
use fl_addr::{PageId, Pfn, Pid, VirtAddr};
use fl_trace::event::{self, Event, Fault, FaultKind, Outcome, Stage};
use fl_vmcore::{Access, Bad};

/// A page fault as it arrived.
pub struct Arrival {
    /// Whose address space.
    pub pid: Pid,
    /// The faulting address.
    pub va: VirtAddr,
    /// The faulting instruction.
    pub ip: VirtAddr,
    /// What it wanted.
    pub access: Access,
    /// Whether the processor was in user mode.
    pub user: bool,
    /// The user's stack pointer: now, or at entry of the system call. Never the kernel's.
    pub user_rsp: VirtAddr,
    /// Time-stamp counter at the exception.
    pub at: u64,
}

/// Why a fault could not be resolved: the process is killed, or the system call's copy fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// The program's fault.
    Bad(Bad),
    /// No frame, or no kernel memory for the bookkeeping.
    NoMemory,
    /// The file behind the page could not be read.
    Io,
}

/// Resolves a fault. Interrupts on, nothing held: it may sleep.
pub fn handle(space: &Space, arrival: &Arrival) -> Result<(), FaultError> {
    let mut report = Report::new(arrival);
    let result = run(space, arrival, &mut report);
    report.emit(result);
    result.map(|_| ())
}

fn run(space: &Space, arrival: &Arrival, report: &mut Report) -> Result<Outcome, FaultError> {
    let found = space.find_or_make(arrival.va, arrival.access, arrival.user_rsp);
    report.clock.end(Stage::Lookup);
    let (page, prot) = found?;
    report.about(&page);
    let mut tables = Tables::take(&space.table, arrival.va.vpn()).map_err(|_| FaultError::NoMemory)?;
    let pinned = resolve(&page, &mut report.clock)?;
    let mapped = map(&space.table, arrival.va.vpn(), &pinned, prot, arrival.access, &mut tables)
        .map_err(|_| FaultError::NoMemory)?;
    report.fault.frame = pinned.frame;
    report.fault.generation = pinned.generation;
    Ok(if mapped { Outcome::Mapped } else { Outcome::AlreadyMapped })
}

impl From<SpaceError> for FaultError {
    fn from(e: SpaceError) -> Self {
        match e {
            SpaceError::Bad(bad) => Self::Bad(bad),
            SpaceError::NoMemory | SpaceError::Layout => Self::NoMemory,
        }
    }
}

impl From<ResolveError> for FaultError {
    fn from(e: ResolveError) -> Self {
        match e {
            ResolveError::NoMemory => Self::NoMemory,
            ResolveError::Io => Self::Io,
        }
    }
}

/// Time per stage: each [`StageClock::end`] books what passed since the one before.
pub struct StageClock {
    last: u64,
    stages: [u32; Stage::COUNT],
}

impl StageClock {
    /// Counts from `at`, in ticks.
    pub fn start(at: u64) -> Self {
        Self { last: at, stages: [0; Stage::COUNT] }
    }

    /// Books the time since the last call on `stage`.
    #[inline]
    pub fn end(&mut self, stage: Stage) {
        let now = tsc();
        let passed = u32::try_from(now - self.last).unwrap_or(u32::MAX);
        let total = &mut self.stages[stage as usize];
        *total = total.saturating_add(passed);
        self.last = now;
    }
}

/// The event being filled in.
struct Report {
    fault: Fault,
    clock: StageClock,
}

impl Report {
    fn new(arrival: &Arrival) -> Self {
        let fault = Fault {
            pid: arrival.pid,
            va: arrival.va,
            ip: arrival.ip,
            kind: FaultKind::Bad,
            access: match arrival.access {
                Access::Read => event::Access::Read,
                Access::Write => event::Access::Write,
                Access::Execute => event::Access::Execute,
            },
            user: arrival.user,
            outcome: Outcome::Refused,
            page: PageId(0),
            generation: 0,
            frame: Pfn(0),
            stages: [0; Stage::COUNT],
        };
        Self { fault, clock: StageClock::start(arrival.at) }
    }

    fn about(&mut self, page: &Page) {
        self.fault.page = page.id;
        self.fault.kind = page.kind();
    }

    fn emit(mut self, result: Result<Outcome, FaultError>) {
        self.fault.outcome = match result {
            Ok(outcome) => outcome,
            Err(FaultError::Bad(_)) => Outcome::Refused,
            Err(FaultError::NoMemory) => Outcome::NoMemory,
            Err(FaultError::Io) => Outcome::IoError,
        };
        self.clock.end(Stage::Map);
        self.fault.stages = self.clock.stages;
        emit(Event::Fault(self.fault));
    }
}
