//! Reading ahead: pages that went out together are often wanted together, so neighbours of a slot that is read come in with it, by the same
//! request, as long as there is plenty of memory.

use super::page::Page;
use crate::arch::cpu::tsc;
use crate::dev::block::{BlockError, Segment};
use crate::inject::{self, Point};
use crate::mm::frames::Frame;
use crate::reclaim;
use crate::trace::{drain, emit};
use alloc::sync::Arc;
use fl_addr::Slot;
use fl_trace::event::{Event, SwapIn};
use fl_trace::field::Ticks;

/// Slots read at once, at most; windows of so many stand side by side, so that neighbours find the same one.
const WINDOW: u32 = 8;

/// A page that comes in though nobody has asked for it yet: claimed, with a frame for it.
struct Neighbour {
    page: Arc<Page>,
    frame: Frame,
    slot: Slot,
}

/// The neighbours of a slot, all claimed; those below and above it, the nearest first. There is no gap between them.
struct Neighbours {
    below: heapless::Vec<Neighbour, { WINDOW as usize }>,
    above: heapless::Vec<Neighbour, { WINDOW as usize }>,
}

/// Reads the slot into `frame`, and neighbours with it where that costs nobody anything.
pub fn read(slot: Slot, frame: &mut Frame) -> Result<(), BlockError> {
    match Neighbours::claim(slot) {
        Some(neighbours) => neighbours.read(slot, frame),
        None => read_alone(slot, frame),
    }
}

impl Neighbours {
    /// Claims what can be had without waiting. `None`: nothing.
    fn claim(slot: Slot) -> Option<Self> {
        if !reclaim::has_plenty() {
            return None;
        }
        let window = slot.0 - slot.0 % WINDOW;
        let mut neighbours = Self { below: heapless::Vec::new(), above: heapless::Vec::new() };
        for above in slot.0 + 1..window + WINDOW {
            let Some(neighbour) = claim(Slot(above)) else { break };
            _ = neighbours.above.push(neighbour); // a window has no more
        }
        for below in (window..slot.0).rev() {
            let Some(neighbour) = claim(Slot(below)) else { break };
            _ = neighbours.below.push(neighbour);
        }
        (!neighbours.below.is_empty() || !neighbours.above.is_empty()).then_some(neighbours)
    }

    /// Reads the slot that was asked for into `frame`, and its neighbours. If that fails the neighbours stay out, and the slot is tried alone.
    fn read(self, slot: Slot, frame: &mut Frame) -> Result<(), BlockError> {
        let mut memory: heapless::Vec<Segment, { 2 * WINDOW as usize }> = heapless::Vec::new();
        let below = self.below.iter().rev().map(|n| n.frame.pfn());
        let above = self.above.iter().map(|n| n.frame.pfn());
        below.chain([frame.pfn()]).chain(above).for_each(|pfn| _ = memory.push(Segment::frame(pfn)));
        let first = Slot(slot.0 - self.below.len() as u32);
        let begun = tsc();
        let read = reclaim::swap::read(first, &memory);
        let time = Ticks(tsc() - begun);
        for neighbour in self.below.into_iter().chain(self.above) {
            neighbour.end(read.is_ok(), time);
        }
        match read {
            Ok(()) => Ok(()),
            Err(_) => read_alone(slot, frame),
        }
    }
}

/// Reads the slot into `frame`, and nothing else.
fn read_alone(slot: Slot, frame: &mut Frame) -> Result<(), BlockError> {
    reclaim::swap::read(slot, &[Segment::frame(frame.pfn())])
}

/// Claims the page whose slot that is. `None`: nobody's, or not to be had; or there is not plenty of memory.
fn claim(slot: Slot) -> Option<Neighbour> {
    let page = reclaim::swap::owner(slot)?;
    let frame = reclaim::frame_in_plenty()?;
    {
        let mut body = page.try_lock()?;
        body.state = body.state.claim_in(slot).ok()?;
    }
    inject::pass(Point::Ahead);
    Some(Neighbour { page, frame, slot })
}

impl Neighbour {
    /// The read has ended.
    fn end(self, ok: bool, time: Ticks) {
        const CLAIMED: &str = "only the claimer ends a load";
        let Self { page, frame, slot } = self;
        let pfn = frame.pfn();
        drain::admit();
        {
            let mut body = page.lock();
            if ok {
                body.state = body.state.publish_unpinned(pfn).expect(CLAIMED);
                reclaim::settle(&page, pfn);
            } else {
                body.state = body.state.abort().expect(CLAIMED);
            }
            let distance = reclaim::evictions().wrapping_sub(body.evicted_at);
            let generation = body.state.generation();
            let page = page.id;
            // With the lock held: what others do with the page is told afterwards.
            emit(Event::SwapIn(SwapIn {
                page,
                generation,
                frame: pfn,
                slot,
                readahead: true,
                distance,
                ok,
                time,
            }));
        }
        page.waiters.wake_all();
        if ok {
            frame.into_pfn(); // the page owns it now
        }
    }
}
