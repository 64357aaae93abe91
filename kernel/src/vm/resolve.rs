//! Bringing a page in: whatever its state, the caller ends with a pin on a resident page, or knows why not.

use super::fault::StageClock;
use super::page::Page;
use crate::inject;
use crate::mm::frames::Frame;
use crate::mm::layout;
use crate::reclaim::{self, NoMemory};
use crate::sched;
use fl_addr::Pfn;
use fl_trace::event::{BlockedOn, Stage};
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
    /// The pin that a page begins with which begins with zeroes in `frame`. Once per such page.
    pub fn zeroed(page: &'a Page, frame: Pfn) -> Self {
        Self { page, frame, generation: PageState::zeroed(frame).generation() }
    }

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

/// Makes `page` resident and pins it. Holds nothing while it waits for memory or I/O but its own claim.
pub fn resolve<'a>(page: &'a Page, clock: &mut StageClock) -> Result<Pinned<'a>, ResolveError> {
    loop {
        let looked = pin(page);
        match looked {
            Ok(pinned) => return Ok(pinned),
            Err(Refused::Busy) => {
                let waited = wait(page);
                clock.end(Stage::Wait);
                if let Some(pinned) = waited {
                    return Ok(pinned);
                }
            }
            Err(Refused::NotResident) => {
                if let Some(pinned) = load(page, clock)? {
                    return Ok(pinned);
                }
            }
            // Dead: its address space went away under a thread of it. TooManyPins: 2^32 threads.
            Err(refused) => panic!("page {} cannot be brought in: {refused}", page.id),
        }
    }
}

fn pin(page: &Page) -> Result<Pinned<'_>, Refused> {
    let mut body = page.lock();
    inject::point(inject::Point::PageLock);
    let (pinned, frame) = body.state.pin()?;
    body.state = pinned;
    Ok(Pinned { page, frame, generation: pinned.generation() })
}

/// Sleeps while somebody else loads the page. `None`: that was given up, look again.
fn wait(page: &Page) -> Option<Pinned<'_>> {
    let mut ticket = {
        let mut body = page.lock();
        let (waiting, ticket) = body.state.wait().ok()?; // no longer busy: look again
        body.state = waiting;
        Some(ticket)
    };
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
fn load<'a>(page: &'a Page, clock: &mut StageClock) -> Result<Option<Pinned<'a>>, ResolveError> {
    let mut frame = reclaim::take_frame()?; // before the claim: nobody waits for a page that waits for memory
    {
        let mut body = page.lock();
        match body.state.claim() {
            Ok(claimed) => body.state = claimed,
            Err(_) => return Ok(None),
        }
    }
    clock.end(Stage::Frame);
    let filled = page.fill(frame.bytes());
    let pfn = frame.pfn();
    let generation = {
        let mut body = page.lock();
        // The claimer is the only one who may move a loading page on.
        body.state = match filled {
            Ok(()) => body.state.publish(pfn),
            Err(_) => body.state.abort(),
        }
        .expect("only the claimer ends a load");
        body.state.generation()
    };
    page.waiters.wake_all();
    clock.end(Stage::Fill);
    match filled {
        Ok(()) => {
            frame.into_pfn(); // the page owns it now
            Ok(Some(Pinned { page, frame: pfn, generation }))
        }
        Err(_) => Err(ResolveError::Io),
    }
}
