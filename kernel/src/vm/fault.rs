//! The way of a page fault: classify, find the page, bring it in, map it, and record one event about it.

use super::cow::break_sharing;
use super::map::map;
use super::page::Page;
use super::resolve::{ResolveError, Spare, resolve};
use super::space::{Found, Space, SpaceError};
use crate::arch::cpu::tsc;
use crate::reclaim::{NoMemory, Tables};
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::{PageId, Pfn, Pid, VirtAddr, Vpn};
use fl_trace::event::{self, Event, Fault, FaultKind, Outcome, Stage};
use fl_vmcore::{Access, Bad, Prot, State};

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
    let vpn = arrival.va.vpn();
    let found = space.find_or_make(arrival.va, arrival.access, arrival.user_rsp);
    report.clock.end(Stage::Lookup);
    let Found { page, mappable, breaks_sharing } = found?;
    report.about(&page);
    let done = if breaks_sharing {
        store_to_shared(space, vpn, &page, report)
    } else {
        show(space, arrival, &page, mappable, report)
    };
    if done.is_err() {
        report.fault.generation = page.lock().state.generation();
    }
    done
}

/// Brings a page in and maps it.
fn show(
    space: &Space,
    arrival: &Arrival,
    page: &Arc<Page>,
    mappable: Prot,
    report: &mut Report,
) -> Result<Outcome, FaultError> {
    let vpn = arrival.va.vpn();
    let mut tables = Tables::take(&space.table, vpn)?;
    let pinned = resolve(page, &mut Spare::default(), 0, &mut report.clock)?;
    report.shows(page.id, pinned.generation, pinned.frame);
    let mapped = map(&space.table, vpn, pinned.frame, mappable, arrival.access, &mut tables)?;
    Ok(if mapped { Outcome::Mapped } else { Outcome::AlreadyMapped })
}

/// A store to a page that others may see.
fn store_to_shared(
    space: &Space,
    vpn: Vpn,
    page: &Arc<Page>,
    report: &mut Report,
) -> Result<Outcome, FaultError> {
    let mut tables = Tables::take(&space.table, vpn)?;
    let mut spare = Spare::default();
    loop {
        // Before the page is pinned: nobody waits for memory holding a pin. The last sharer stays the last, so a frame too few is rare.
        let for_copy = usize::from(page.lock().state.sharers() != 1);
        spare.fill(for_copy)?;
        report.clock.end(Stage::Frame);
        let pinned = resolve(page, &mut spare, for_copy, &mut report.clock)?;
        let broken = break_sharing(space, vpn, pinned, &mut spare, &mut tables, &mut report.clock)?;
        if let Some(broken) = broken {
            report.shows(broken.page, broken.generation, broken.frame);
            return Ok(broken.outcome);
        }
    }
}

impl From<NoMemory> for FaultError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
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
        let passed = u32::try_from(now.saturating_sub(self.last)).unwrap_or(u32::MAX);
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
        let swapped = matches!(page.lock().state.state(), State::Swapped { .. });
        self.fault.kind = if swapped { FaultKind::Swap } else { page.kind() };
    }

    fn shows(&mut self, page: PageId, generation: u32, frame: Pfn) {
        self.fault.page = page;
        self.fault.generation = generation;
        self.fault.frame = frame;
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
