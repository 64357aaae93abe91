//! The life of a page, of a frame or of a swap slot: every event that concerns it.
//!
//! Key types: [`Subject`], [`Life`] (a [`Sink`] behind [`crate::model::merge::Merge`]), [`PagesAt`]. Memory grows with what is found.

use crate::decode::{Gap, Sink};
use crate::model::clock::Clock;
use crate::model::process::Processes;
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, Vpn};
use fl_trace::control::Control;
use fl_trace::event::{Event, Fault, Outcome, Stamped};

/// Whose life is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// That of these pages.
    Pages(Vec<PageId>),
    /// That of a frame: of the pages that were in it, as long as they were.
    Frame(Pfn),
    /// That of a swap slot: of the pages that it held.
    Slot(Slot),
}

impl Subject {
    /// Whether the event is part of it.
    pub fn concerns(&self, event: &Event) -> bool {
        let none = PageId(0);
        let (pages, frame, slot) = match event {
            Event::Fault(fault) => ([fault.page, none], shown_in(fault), None),
            Event::FaultBlocked(blocked) => ([blocked.page, none], None, None),
            Event::PageCopy(copy) => ([copy.page, copy.from], Some(copy.frame), None),
            Event::WriteBack(write) => ([write.page, none], Some(write.frame), None),
            Event::PageFree(free) => ([free.page, none], Some(free.frame), None),
            Event::Evicted(evicted) => ([evicted.page, none], Some(evicted.frame), None),
            Event::SwapOut(out) => ([out.page, none], Some(out.frame), Some(out.slot)),
            Event::SwapIn(read) => ([read.page, none], Some(read.frame), Some(read.slot)),
            Event::SlotFreed(freed) => ([freed.page, none], None, Some(freed.slot)),
            Event::Pinned(pin) => ([pin.page, none], Some(pin.frame), None),
            Event::Unpinned(pin) => ([pin.page, none], Some(pin.frame), None),
            Event::AccessSample(sample) => ([sample.page, none], Some(sample.frame), None),
            _ => return false,
        };
        match self {
            Self::Pages(wanted) => wanted.iter().any(|page| *page != none && pages.contains(page)),
            Self::Frame(wanted) => frame == Some(*wanted),
            Self::Slot(wanted) => slot == Some(*wanted),
        }
    }
}

/// The frame that a fault has shown to its process, if it has.
pub fn shown_in(fault: &Fault) -> Option<Pfn> {
    matches!(fault.outcome, Outcome::Mapped | Outcome::AlreadyMapped | Outcome::Copied | Outcome::Reused)
        .then_some(fault.frame)
}

/// See the module.
#[derive(Debug)]
pub struct Life {
    /// Whose.
    pub subject: Subject,
    /// What concerns it, in the order of time.
    pub events: Vec<(CpuId, Stamped)>,
    /// Where events are missing: what happened there is not known.
    pub gaps: Vec<Gap>,
    /// The run's clock.
    pub clock: Clock,
    /// Who ran.
    pub processes: Processes,
}

impl Life {
    /// Takes note of what concerns `subject`.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            events: Vec::new(),
            gaps: Vec::new(),
            clock: Clock::default(),
            processes: Processes::default(),
        }
    }
}

impl Sink for Life {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        self.processes.event(stamped);
        if self.subject.concerns(&stamped.event) {
            self.events.push((cpu, *stamped));
        }
    }
    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        if let Control::Hello(hello) = control {
            self.clock = Clock::of(hello);
        }
    }
    fn gap(&mut self, gap: &Gap) {
        self.gaps.push(*gap);
    }
}

/// The pages that a process had at one address, one after the other.
#[derive(Debug)]
pub struct PagesAt {
    pid: Pid,
    vpn: Vpn,
    /// Each once, in the order in which faults showed them.
    pub pages: Vec<PageId>,
}

impl PagesAt {
    /// Looks at that page of that process's memory.
    pub fn new(pid: Pid, vpn: Vpn) -> Self {
        Self { pid, vpn, pages: Vec::new() }
    }
}

impl Sink for PagesAt {
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        if let Event::Fault(fault) = &stamped.event
            && fault.pid == self.pid
            && fault.va.vpn() == self.vpn
            && fault.page != PageId(0)
            && !self.pages.contains(&fault.page)
        {
            self.pages.push(fault.page);
        }
    }
}
