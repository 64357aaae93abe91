//! Bringing a page in: whatever its state, the caller ends with a pin on a resident page, or knows why not.

use super::fault::StageClock;
use super::page::{FillError, Page};
use super::readahead;
use crate::arch::cpu::tsc;
use crate::inject::{self, Point};
use crate::mm::frames::Frame;
use crate::mm::layout;
use crate::reclaim::{self, NoMemory};
use crate::sched;
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::Pfn;
use fl_trace::event::{BlockedOn, Event, Stage, SwapIn};
use fl_trace::field::Ticks;
use fl_vmcore::{PageState, Redeemed, Refused};

/// Why a page could not be brought in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResolveError {
    /// No frame.
    NoMemory,
    /// The file behind it could not be read.
    Io,
}

impl From<NoMemory> for ResolveError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// A pinned resident page: it stays in `frame` until this is dropped.
pub struct Pinned<'a> {
    page: &'a Page,
    /// Where it is.
    pub frame: Pfn,
    /// The page's generation since it is there; a pinned page does not change it.
    pub generation: u32,
}

impl<'a> Pinned<'a> {
    /// The pin that a page made by a copy begins with. Once per copy.
    pub fn of_copy(page: &'a Page) -> Self {
        let state = page.lock().state;
        let frame = state.frame().expect("a copy begins resident");
        Self { page, frame, generation: state.generation() }
    }

    /// The page.
    pub fn page(&self) -> &'a Page {
        self.page
    }

    /// Gives the pin back to a page whose lock the caller holds: `state` without it.
    pub fn take_back(self, state: &PageState) -> PageState {
        core::mem::forget(self); // which would lock the page
        state.unpin().expect("a pin is given back once")
    }

    /// Copies its content into `to`.
    pub fn copy_to(&self, to: &mut Frame) {
        // SAFETY: the pin keeps the frame the page's own, and `to` is another one, exclusively the caller's. A program that writes to its
        // page meanwhile gets a copy of one moment or another of each byte, as it asked for.
        unsafe { core::ptr::copy_nonoverlapping(layout::frame_ptr(self.frame), to.bytes(), 1) };
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let mut body = self.page.lock();
        body.state = body.state.unpin().expect("a pin is given back once");
    }
}

/// Frames in hand for one fault: for the page, and for its copy. What is left goes back on drop.
#[derive(Default)]
pub struct Spare(heapless::Vec<Frame, 2>);

impl Spare {
    /// Takes frames until there are `wanted`. May sleep: call it holding nothing else.
    pub fn fill(&mut self, wanted: usize) -> Result<(), NoMemory> {
        while self.0.len() < wanted {
            let pushed = self.0.push(reclaim::take_frame()?);
            debug_assert!(pushed.is_ok(), "a fault takes two frames at most");
        }
        Ok(())
    }

    /// One of them.
    pub fn pop(&mut self) -> Option<Frame> {
        self.0.pop()
    }
}

/// Makes `page` resident and pins it. Holds nothing while it waits for memory or I/O but its own claim, and frames.
///
/// If it has to be loaded, that is into a frame of `spare`, of which `keep` are left: the frame of a copy is not spent on bringing in what is to be
/// copied, or processes that evict each other's originals could go on like that for ever.
pub fn resolve<'a>(
    page: &'a Arc<Page>,
    spare: &mut Spare,
    keep: usize,
    clock: &mut StageClock,
) -> Result<Pinned<'a>, ResolveError> {
    loop {
        match pin(page) {
            Ok(pinned) => return Ok(pinned),
            Err(Refused::Busy) => {
                let waited = wait(page);
                clock.end(Stage::Wait);
                if let Some(pinned) = waited {
                    return Ok(pinned);
                }
            }
            Err(Refused::NotResident) => {
                spare.fill(keep + 1)?; // before the claim: nobody waits for a page that waits for memory
                let frame = spare.pop().expect("at least one was taken");
                if let Some(pinned) = load(page, frame, clock)? {
                    return Ok(pinned);
                }
            }
            // Dead: its address space went away under a thread of it. TooManyPins: 2^32 threads.
            Err(refused) => panic!("page {} cannot be brought in: {refused}", page.id),
        }
    }
}

/// Pins a page that is resident.
pub(super) fn pin(page: &Page) -> Result<Pinned<'_>, Refused> {
    let mut body = page.lock();
    inject::pass(Point::PageLock);
    let (pinned, frame) = body.state.pin()?;
    body.state = pinned;
    Ok(Pinned { page, frame, generation: pinned.generation() })
}

/// Sleeps while somebody else moves the page. `None`: a load was given up, look again.
fn wait(page: &Page) -> Option<Pinned<'_>> {
    let (ticket, rescues) = {
        let mut body = page.lock();
        let before = body.state;
        let (waiting, ticket) = before.wait().ok()?; // no longer busy: look again
        body.state = waiting;
        (ticket, before.in_flight() && !waiting.in_flight())
    };
    if rescues {
        inject::pass(Point::Rescuing);
        reclaim::rescued(); // wakes the evictor: not under the page's lock
    }
    inject::pass(Point::Awaiting);
    let mut ticket = Some(ticket);
    sched::tell_blocked(BlockedOn::Page);
    let mut outcome = None;
    page.waiters.wait_until(|| {
        let Some(t) = ticket.take() else { return true };
        let state = page.lock().state;
        match state.redeem(t) {
            Redeemed::StillBusy(t) => {
                ticket = Some(t);
                false
            }
            Redeemed::Pinned(frame) => {
                outcome = Some(Pinned { page, frame, generation: state.generation() });
                true
            }
            Redeemed::Aborted => true,
        }
    });
    outcome
}

/// Claims and fills the page. `None`: somebody else was faster, look again; the frame went back.
fn load<'a>(
    page: &'a Arc<Page>,
    mut frame: Frame,
    clock: &mut StageClock,
) -> Result<Option<Pinned<'a>>, ResolveError> {
    let slot = {
        let mut body = page.lock();
        match body.state.claim() {
            Ok(claimed) => body.state = claimed,
            Err(_) => return Ok(None),
        }
        body.state.slot()
    };
    clock.end(Stage::Frame);
    inject::pass(Point::Claimed);
    let begun = tsc();
    let filled = match slot {
        Some(slot) => readahead::read(slot, &mut frame).map_err(|_| FillError),
        None => page.fill(&mut frame),
    };
    inject::pass(Point::Filled);
    let pfn = frame.pfn();
    let generation = {
        let mut body = page.lock();
        // The claimer is the only one who may move a loading page on.
        const CLAIMED: &str = "only the claimer ends a load";
        match filled {
            Ok(()) => {
                body.state = body.state.publish(pfn).expect(CLAIMED);
                reclaim::settle(page, pfn);
            }
            Err(FillError) => body.state = body.state.abort().expect(CLAIMED),
        }
        let generation = body.state.generation();
        if let Some(slot) = slot {
            // Before anybody else can have the page: what they do is told afterwards.
            emit(Event::SwapIn(SwapIn {
                page: page.id,
                generation,
                frame: pfn,
                slot,
                readahead: false,
                distance: reclaim::evictions().wrapping_sub(body.evicted_at),
                ok: filled.is_ok(),
                time: Ticks(tsc() - begun),
            }));
        }
        generation
    };
    inject::pass(Point::Published);
    page.waiters.wake_all();
    clock.end(Stage::Fill);
    match filled {
        Ok(()) => {
            frame.into_pfn(); // the page owns it now
            Ok(Some(Pinned { page, frame: pfn, generation }))
        }
        Err(FillError) => Err(ResolveError::Io),
    }
}
