//! Pinning a program's pages for a transfer: between disk and frame, with no kernel buffer in between.
//!
//! A transfer pins a chunk at a time, of [`PIN_CHUNK`] pages at most, under a share of the global budget that it takes first, holding no pin. Then it brings
//! in page by page, as faults do, and nothing is locked while the disk is waited for: a pin is all that keeps a page, and what maps it may come and go.

use super::fault::{self, Arrival, FaultError};
use super::page::Page;
use super::space::Space;
use crate::arch::interrupts::IrqOff;
use crate::fs::{File, IoError};
use crate::inject::{self, Point};
use crate::mm::frames;
use crate::sched::WaitQueue;
use crate::trace::drain;
use crate::trace::emit::{self, emit};
use alloc::sync::Arc;
use fl_addr::{Pfn, Pid, VirtAddr, Vpn};
use fl_trace::event::{self, Event, FrameClass};
use fl_vmcore::{Access, PIN_CHUNK, PinBudget};

/// What of the user frames may be pinned for transfers at once.
static BUDGET: PinBudget = PinBudget::new();
/// Those who wait for a share of it, with none in hand.
static WAITING: WaitQueue = WaitQueue::new();

/// A share of the budget: so many pages may be pinned. Goes back on drop.
struct Share(u32);

impl Share {
    /// Sleeps until there is one, of `wanted` pages at most. The caller holds none.
    fn take(wanted: u32) -> Self {
        let frames = frames::total(FrameClass::User);
        let mut pages = BUDGET.take(wanted, frames);
        if pages == 0 {
            WAITING.wait_until(|| {
                pages = BUDGET.take(wanted, frames);
                pages > 0
            });
        }
        Self(pages)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        BUDGET.give_back(self.0);
        WAITING.wake_all();
    }
}

/// A process that has pages pinned, and what for.
#[derive(Clone, Copy)]
pub struct For {
    /// Which process.
    pub pid: Pid,
    /// [`Access::Write`]: the frames will be written to.
    pub access: Access,
    /// The user's stack pointer: the stack may have to grow.
    pub user_rsp: VirtAddr,
}

/// Pinned pages that follow each other in a program's memory. Their frames stay the pages' own until this is dropped; what a transfer has stored
/// there is noted then.
pub struct PinnedPages {
    whose: For,
    pages: heapless::Vec<PinnedPage, { PIN_CHUNK as usize }>,
    _share: Share,
}

struct PinnedPage {
    page: Arc<Page>,
    frame: Pfn,
    generation: u32,
}

impl Space {
    /// Brings in pages from `first` on and pins them: at most `wanted`, which is not 0, and at least one. For a thread of the process, which holds
    /// nothing that a fault may not be taken with, and no pins.
    ///
    /// # Errors
    /// A page cannot be used so, or not be brought in; nothing is pinned then.
    pub fn pin(&self, first: Vpn, wanted: u32, whose: For) -> Result<PinnedPages, FaultError> {
        let share = Share::take(wanted);
        let count = share.0;
        let mut pinned = PinnedPages { whose, pages: heapless::Vec::new(), _share: share };
        for vpn in (0..count).map(|n| first + u64::from(n)) {
            let page = loop {
                match self.try_pin(vpn, whose.access) {
                    Some(page) => break page,
                    None => self.bring_in(vpn, whose)?,
                }
            };
            emit(Event::Pinned(event::Pinned {
                pid: whose.pid,
                page: page.page.id,
                generation: page.generation,
                frame: page.frame,
            }));
            let pushed = pinned.pages.push(page);
            debug_assert!(pushed.is_ok(), "a share is a chunk at most");
        }
        inject::pass(Point::Pinned);
        Ok(pinned)
    }

    /// Pins the page at `vpn`, if it is resident and can be used so as it is.
    fn try_pin(&self, vpn: Vpn, access: Access) -> Option<PinnedPage> {
        let contents = self.contents.lock();
        let entry = contents.spt.get(vpn)?;
        if access == Access::Write && (entry.cow || !entry.prot.write) {
            return None; // what the kernel stores breaks sharing as what the program stores does
        }
        let mut body = entry.page.lock();
        let (state, frame) = body.state.pin().ok()?;
        body.state = state;
        drop(body);
        Some(PinnedPage { page: entry.page.clone(), frame, generation: state.generation() })
    }

    /// As a fault at `vpn` would, and recorded as one.
    fn bring_in(&self, vpn: Vpn, whose: For) -> Result<(), FaultError> {
        let at = fault::time_of_arrival();
        if at != 0 {
            drain::admit();
        }
        let For { pid, access, user_rsp } = whose;
        let arrival = Arrival { pid, va: vpn.start(), ip: VirtAddr(0), access, user: false, user_rsp, at };
        if at == 0 {
            emit::count_untraced(&IrqOff::new(), Event::FAULT);
        }
        fault::handle(self, &arrival)
    }
}

impl PinnedPages {
    /// Fills them from `file`, from byte `offset` on, which begins a page of it. Returns how many: see [`File::read_pages`].
    ///
    /// # Errors
    /// Some may have been filled.
    pub fn read_from(&mut self, file: &File, offset: u64) -> Result<usize, IoError> {
        debug_assert!(self.whose.access == Access::Write, "pinned to be written to");
        // SAFETY: the pins keep the frames; they are the program's, which asked for them to be written to.
        unsafe { file.read_pages(offset, &self.frames()) }
    }

    /// Writes them to `file`, as [`read_from`](Self::read_from) reads.
    ///
    /// # Errors
    /// Some may have been written.
    pub fn write_to(&self, file: &File, offset: u64) -> Result<usize, IoError> {
        // SAFETY: the pins keep the frames.
        unsafe { file.write_pages(offset, &self.frames()) }
    }

    fn frames(&self) -> heapless::Vec<Pfn, { PIN_CHUNK as usize }> {
        self.pages.iter().map(|page| page.frame).collect()
    }
}

impl Drop for PinnedPages {
    fn drop(&mut self) {
        for PinnedPage { page, frame, generation } in &self.pages {
            let mut body = page.lock();
            // What went into the frame past the page table is noted before anybody can take the frame away.
            let unpinned = match self.whose.access {
                Access::Write => body.state.unpin_written(),
                Access::Read | Access::Execute => body.state.unpin(),
            };
            body.state = unpinned.expect("a pin is given back once");
            drop(body);
            emit(Event::Unpinned(event::Unpinned {
                pid: self.whose.pid,
                page: page.id,
                generation: *generation,
                frame: *frame,
            }));
        }
    }
}
