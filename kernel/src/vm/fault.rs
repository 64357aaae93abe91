//! The way of a page fault: classify, find the page, bring it in, map it, and record one event about it.

use super::cow::break_sharing;
use super::map::map;
use super::page::Page;
use super::resolve::{ResolveError, Spare, resolve};
use super::space::{Found, Space, SpaceError};
use crate::arch::cpu::tsc;
use crate::arch::interrupts::IrqOff;
use crate::inject::{self, Point};
use crate::reclaim::{NoMemory, Tables};
use crate::sched;
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::{PageId, Pfn, Pid, VirtAddr, Vpn};
use fl_trace::event::{self, Event, ExitCause, Fault, FaultKind, Outcome, Stage};
use fl_vmcore::{Access, Bad, Prot, State, may_need_copy};

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
    /// Time-stamp counter at the exception; 0 if nobody watches.
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

impl FaultError {
    /// How the fault's event tells of it.
    fn outcome(self) -> Outcome {
        match self {
            Self::Bad(_) => Outcome::Refused,
            Self::NoMemory => Outcome::NoMemory,
            Self::Io => Outcome::IoError,
        }
    }

    /// Why the process ends for it.
    pub fn cause(self) -> ExitCause {
        match self {
            Self::Bad(_) => ExitCause::BadAccess,
            Self::NoMemory => ExitCause::NoMemory,
            Self::Io => ExitCause::IoError,
        }
    }
}

/// What [`Arrival::at`] is of a fault that arrives now.
#[inline]
pub fn time_of_arrival() -> u64 {
    if emit::is_watching() { tsc() } else { 0 }
}

/// Resolves a fault. Interrupts on, nothing held: it may sleep. If nobody watched when it arrived (its time is 0), the caller counts it.
pub fn handle(space: &Space, arrival: &Arrival) -> Result<(), FaultError> {
    inject::pass(Point::Faulting);
    let mut report = Report::new(arrival);
    let result = run(space, &mut report);
    if let Err(error) = result {
        report.tell(error.outcome());
    }
    result
}

/// Resolves the fault and, if that works, tells of it.
#[inline]
fn run(space: &Space, report: &mut Report) -> Result<(), FaultError> {
    let vpn = report.arrival.va.vpn();
    let Found { page, mappable, breaks_sharing } = match space.find_or_make(report) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(()),
        Err(error) => {
            report.clock.end(Stage::Lookup);
            return Err(error.into());
        }
    };
    report.clock.end(Stage::Lookup);
    report.about(&page);
    // What was done at once did not sleep.
    if report.is_wanted() {
        sched::enter_fault(report.arrival.va, page.id);
    }
    let done = if breaks_sharing {
        store_to_shared(space, vpn, &page, report)
    } else {
        show(space, vpn, &page, mappable, report)
    };
    if report.is_wanted() {
        sched::leave_fault();
    }
    if done.is_err() {
        report.generation = page.lock().state.generation();
    }
    done
}

/// Brings a page in and maps it.
#[inline]
fn show(
    space: &Space,
    vpn: Vpn,
    page: &Arc<Page>,
    mappable: Prot,
    report: &mut Report,
) -> Result<(), FaultError> {
    let mut tables = Tables::take(&space.table, vpn)?;
    let pinned = resolve(page, &mut Spare::default(), 0, &mut report.clock)?;
    inject::pass(Point::Resolved);
    let mapped = map(&space.table, vpn, pinned.frame, mappable, report.arrival.access, &mut tables)?;
    let outcome = if mapped { Outcome::Mapped } else { Outcome::AlreadyMapped };
    let (page, generation, frame) = (page.id, pinned.generation, pinned.frame);
    // While it is pinned: nobody can tell of its eviction first.
    report.shows(&Shown { outcome, page, generation, frame });
    Ok(())
}

/// A store to a page that others may see.
fn store_to_shared(space: &Space, vpn: Vpn, page: &Arc<Page>, report: &mut Report) -> Result<(), FaultError> {
    let mut tables = Tables::take(&space.table, vpn)?;
    let mut spare = Spare::default();
    // Before the page is pinned: nobody waits for memory holding a pin. What need not be copied now never need be.
    let for_copy = usize::from(may_need_copy(&page.lock().state));
    spare.fill(for_copy)?;
    report.clock.end(Stage::Frame);
    let pinned = resolve(page, &mut spare, for_copy, &mut report.clock)?;
    break_sharing(space, vpn, pinned, &mut spare, &mut tables, report)
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

/// Time per stage, while somebody watches: each [`StageClock::end`] books what passed since the one before.
pub struct StageClock {
    /// When the last stage ended. 0: nobody watches.
    last: u64,
    /// In ticks, wrapping below 0: the times may be of two processors' counters. What can be told of it is sorted out once, at the end.
    stages: [u64; Stage::COUNT],
}

impl StageClock {
    /// Counts from `at`, in ticks; 0: not at all.
    #[inline]
    pub fn start(at: u64) -> Self {
        Self { last: at, stages: [0; Stage::COUNT] }
    }

    /// Books the time since the last call on `stage`.
    #[inline]
    pub fn end(&mut self, stage: Stage) {
        if self.last == 0 {
            return;
        }
        let now = tsc();
        let total = &mut self.stages[stage as usize];
        *total = total.wrapping_add(now.wrapping_sub(self.last));
        self.last = now;
    }

    /// Books the time until `now` on the last stage, `stage`, and leaves of all times what can be told: not less than 0, and 32 bits. Once.
    #[inline(always)]
    fn finish(&mut self, now: u64, stage: Stage) {
        let total = &mut self.stages[stage as usize];
        *total = total.wrapping_add(now.wrapping_sub(self.last));
        if self.stages.iter().fold(0, |bits, ticks| bits | ticks) >> u32::BITS != 0 {
            clamp(&mut self.stages);
        }
    }
}

/// Makes of each time what can be told of it.
#[cold]
#[inline(never)]
fn clamp(stages: &mut [u64; Stage::COUNT]) {
    *stages = stages.map(|ticks| (ticks as i64).clamp(0, u32::MAX.into()) as u64);
}

/// What a fault has come to: which page is shown now.
pub(super) struct Shown {
    pub outcome: Outcome,
    pub page: PageId,
    pub generation: u32,
    pub frame: Pfn,
}

/// What the event will tell, as far as it is known.
pub(super) struct Report<'a> {
    /// The fault.
    pub arrival: &'a Arrival,
    kind: FaultKind,
    page: PageId,
    generation: u32,
    frame: Pfn,
    pub clock: StageClock,
}

impl<'a> Report<'a> {
    #[inline]
    fn new(arrival: &'a Arrival) -> Self {
        let clock = StageClock::start(arrival.at);
        Self { arrival, kind: FaultKind::Bad, page: PageId(0), generation: 0, frame: Pfn(0), clock }
    }

    /// Whether anybody watches: if not, nothing is told in the end.
    #[inline]
    fn is_wanted(&self) -> bool {
        self.clock.last != 0
    }

    #[inline]
    fn about(&mut self, page: &Page) {
        self.is_of_resident(page);
        if self.is_wanted() && matches!(page.lock().state.state(), State::Swapped { .. }) {
            self.kind = FaultKind::Swap;
        }
    }

    /// As [`about`](Self::about), for a page that is in, whoever has it locked.
    #[inline]
    pub fn is_of_resident(&mut self, page: &Page) {
        self.page = page.id;
        self.kind = page.kind();
    }

    /// Tells how the fault ended, once: with the page locked or pinned, or before anybody can evict it, so that its eviction is told later.
    #[inline]
    pub fn shows(&mut self, shown: &Shown) {
        (self.page, self.generation, self.frame) = (shown.page, shown.generation, shown.frame);
        self.tell(shown.outcome);
    }

    #[inline]
    fn tell(&mut self, outcome: Outcome) {
        if self.is_wanted() {
            self.record(outcome);
        }
    }

    #[inline(never)]
    fn record(&mut self, outcome: Outcome) {
        let irq = IrqOff::new();
        let now = tsc();
        self.clock.finish(now, Stage::Map);
        let report = &*self;
        emit::emit_made(&irq, Event::FAULT, || now, move || report.event(outcome));
    }

    /// When the clock is done.
    #[inline(always)]
    fn event(&self, outcome: Outcome) -> Event {
        let Arrival { pid, va, ip, access, user, .. } = *self.arrival;
        let access = match access {
            Access::Read => event::Access::Read,
            Access::Write => event::Access::Write,
            Access::Execute => event::Access::Execute,
        };
        let Self { kind, page, generation, frame, .. } = *self;
        let stages = self.clock.stages.map(|ticks| ticks as u32);
        Event::Fault(Fault { pid, va, ip, kind, access, user, outcome, page, generation, frame, stages })
    }
}
