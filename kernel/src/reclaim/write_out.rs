//! Writing pages out before they lose their frames: private ones to swap slots, many by one request and several requests at once; those of
//! mapped files to their file.

use super::evictor;
use super::frame_table;
use super::swap;
use super::victim::Victim;
use crate::arch::cpu::tsc;
use crate::dev::block::{Completion, MAX_SEGMENTS, Operation, Segment};
use crate::inject::{self, Point};
use crate::mm::frames::Frame;
use crate::mm::layout;
use crate::trace::{drain, emit};
use crate::vm::page::{Body, Page};
use alloc::sync::Arc;
use fl_addr::{Pfn, Slot};
use fl_reclaim::BATCH;
use fl_reclaim::cluster::{Write, assign, order, requests};
use fl_trace::event::{Event, EvictOutcome, FrameClass, SlotFreeReason, SwapOut, WriteBack};
use fl_trace::field::Ticks;
use fl_vmcore::{Home, Kind};

/// Pages in one request, at most.
const CLUSTER: usize = MAX_SEGMENTS;
/// Requests on their way at once, at most: several, so that the disk always has one, but no more, for the oldest are waited for.
const REQUESTS: usize = 8;

/// The requests on their way to the swap space, in order.
///
/// Owns: references to their pages; the frames stay the pages' own until the writes have ended. Must not be moved while one is on its way.
pub(super) struct WriteOut {
    ring: [Request; REQUESTS],
    oldest: usize,
    len: usize,
}

struct Request {
    completion: Completion,
    pages: heapless::Vec<Out, CLUSTER>,
    /// When it was handed over, by the time-stamp counter.
    begun: u64,
}

/// A page on its way.
struct Out {
    page: Arc<Page>,
    frame: Pfn,
    slot: Slot,
}

/// A victim by its number, to be put in order.
type Place = Write<usize>;
pub(super) type Victims = heapless::Vec<Victim, BATCH>;

impl WriteOut {
    pub(super) fn new() -> Self {
        let ring = core::array::from_fn(|_| Request {
            completion: Completion::new(),
            pages: heapless::Vec::new(),
            begun: 0,
        });
        Self { ring, oldest: 0, len: 0 }
    }

    /// Writes victims that were judged dirty. Those to swap are only on their way when it returns. How many frames are free or will be.
    pub(super) fn begin(&mut self, victims: &Victims) -> usize {
        let mut places: heapless::Vec<Place, BATCH> = heapless::Vec::new();
        let mut evicted = 0;
        for (item, victim) in victims.iter().enumerate() {
            drain::admit();
            match victim.page.whose() {
                Kind::File => evicted += usize::from(to_file(victim)),
                Kind::Private => {
                    let (owner, page) = (u64::from(victim.shown.0.0), victim.shown.1);
                    _ = places.push(Write { owner, page, slot: None, item }); // as many as victims
                }
            }
        }
        order(&mut places);
        assign(&mut places, |want| {
            let run = swap::get().map().alloc_run(want)?;
            Some((run.first, run.len))
        });
        for place in &mut places {
            drain::admit();
            let victim = &victims[place.item];
            // With all slots used it is written over its own old copy, if it has one.
            let slot = place.slot.or_else(|| victim.page.lock().state.slot());
            if slot.is_none() {
                give_up(victim, EvictOutcome::NoSlot);
            }
            place.slot = slot.filter(|&slot| to_slot(victim, slot));
        }
        for request in requests(&mut places, CLUSTER) {
            evicted += request.len();
            self.submit(request, victims);
        }
        evicted
    }

    /// Hands one request over: neighbouring slots, pages that are being written out.
    fn submit(&mut self, places: &[Place], victims: &Victims) {
        if self.len == REQUESTS {
            self.wait_for_oldest();
        }
        let swap = swap::get();
        let at = (self.oldest + self.len) % REQUESTS;
        let request = &mut self.ring[at];
        let mut memory: heapless::Vec<Segment, CLUSTER> = heapless::Vec::new();
        for place in places {
            let victim = &victims[place.item];
            let slot = place.slot.expect("requests are of writes that have a slot");
            _ = request.pages.push(Out { page: victim.page.clone(), frame: victim.frame, slot });
            _ = memory.push(Segment::frame(victim.frame)); // as many as pages
        }
        let first = request.pages[0].slot;
        request.begun = tsc();
        // SAFETY: (1) the frames belong to pages in Writeback, which nothing maps and which keep them until the write has ended;
        // (2) the completion is part of this, which is not moved while requests are on their way and never forgotten.
        let begun =
            unsafe { swap.disk.submit(Operation::Write, swap.sector(first), &memory, &request.completion) };
        self.len += 1;
        if begun.is_err() {
            self.end(at, false);
        }
    }

    /// Ends all requests that are done, in order.
    pub(super) fn reap(&mut self) {
        while self.len != 0 && self.ring[self.oldest].completion.is_done() {
            self.end_oldest();
        }
    }

    /// Sleeps until the oldest request is done. False: there is none.
    pub(super) fn wait_for_oldest(&mut self) -> bool {
        if self.len == 0 {
            return false;
        }
        self.end_oldest();
        true
    }

    fn end_oldest(&mut self) {
        let ok = self.ring[self.oldest].completion.wait().is_ok();
        self.end(self.oldest, ok);
        self.oldest = (self.oldest + 1) % REQUESTS;
    }

    fn end(&mut self, at: usize, ok: bool) {
        self.len -= 1;
        let request = &mut self.ring[at];
        let time = Ticks(tsc() - request.begun);
        let run = request.pages.len() as u16;
        let pages = core::mem::take(&mut request.pages);
        pages.into_iter().for_each(|out| out.end(ok, run, time));
    }
}

/// Begins to write a page to a slot, which it owns from then on. False: somebody wants the page; it stays, and the slot is free again.
fn to_slot(victim: &Victim, slot: Slot) -> bool {
    let own = victim.page.lock().state.slot() == Some(slot);
    match begin(victim, Home::Slot(slot), EvictOutcome::ToSwap) {
        Some(stale) => {
            if let Some(stale) = stale {
                swap::free(stale, victim.page.id, SlotFreeReason::Dirtied);
            }
            true
        }
        None if own => false,
        None => {
            swap::give_back(slot);
            false
        }
    }
}

/// Begins to write a page out; the slot that it does not need any more. `None`: somebody wants it, and it stays.
fn begin(victim: &Victim, to: Home, outcome: EvictOutcome) -> Option<Option<Slot>> {
    let page = &victim.page;
    let begun = {
        let mut body = page.lock();
        let begun = body.state.begin_write(to);
        match begun {
            Ok((writing, _)) => {
                body.state = writing;
                evictor::in_flight();
            }
            Err(_) => keep(&mut body, victim.frame),
        }
        victim.tell(if begun.is_ok() { outcome } else { EvictOutcome::Rescued });
        begun.ok().map(|(_, stale)| stale)
    };
    inject::pass(Point::Writing);
    if begun.is_none() {
        page.waiters.wake_all();
    }
    begun
}

/// The page stays, though nobody wants it.
fn give_up(victim: &Victim, outcome: EvictOutcome) {
    {
        let mut body = victim.page.lock();
        keep(&mut body, victim.frame);
        victim.tell(outcome);
    }
    victim.page.waiters.wake_all();
}

fn keep(body: &mut Body, frame: Pfn) {
    body.state = body.state.keep(false).expect("only the evictor goes on with what it has begun");
    frame_table::lock().put_back(frame);
}

/// Writes a page to its file. Whether its frame is free now.
///
/// By the file's map, and only if it is to be had at once: whoever changes it may hold the volume.
fn to_file(victim: &Victim) -> bool {
    let (page, frame) = (&victim.page, victim.frame);
    let Some((pages, number)) = page.try_file() else {
        give_up(victim, EvictOutcome::Rescued);
        return false;
    };
    if begin(victim, Home::File, EvictOutcome::ToFile).is_none() {
        return false;
    }
    // SAFETY: the page is in Writeback, so nothing maps its frame, and it keeps the frame until the write has ended.
    let content = unsafe { &mut *layout::frame_ptr(frame) };
    let bytes = pages.bytes_of(number);
    let ok = pages.write(number, content).is_ok_and(|written| written == bytes);
    drop(pages);
    inject::pass(Point::Written);
    let Ended { freed, .. } = end(page, frame, ok, |generation, kept| {
        let bytes = bytes as u32;
        emit(Event::WriteBack(WriteBack { page: page.id, generation, frame, bytes, ok, kept }));
    });
    freed.is_some() // and given back here
}

/// How a write has left a page.
struct Ended {
    /// Its frame, if nobody wants the page.
    freed: Option<Frame>,
    /// The slot that could not be written.
    unwritten: Option<Slot>,
}

/// A write has ended: the page loses its frame, or stays because it is wanted or nowhere else. Wakes who waits for it.
/// `tell` gets its generation and whether it keeps the frame, before anybody else can have the page: what they do is told afterwards.
fn end(page: &Arc<Page>, frame: Pfn, ok: bool, tell: impl FnOnce(u32, bool)) -> Ended {
    const BEGUN: &str = "only the evictor ends the write that it has begun";
    let mut reference = None;
    let (freed, unwritten) = {
        let mut body = page.lock();
        if body.state.in_flight() {
            evictor::landed(); // else somebody has said so who wants the page
        }
        let (state, freed, unwritten) = if ok {
            let (state, freed) = body.state.written().expect(BEGUN);
            (state, freed, None)
        } else {
            let (state, unwritten) = body.state.write_failed().expect(BEGUN);
            (state, None, unwritten)
        };
        body.state = state;
        let mut table = frame_table::lock();
        if freed.is_some() {
            body.evicted_at = table.evictions();
            reference = table.clear(frame);
        } else {
            table.put_back(frame);
        }
        tell(state.generation(), freed.is_none());
        (freed, unwritten)
    };
    drop(reference);
    inject::pass(Point::Landed);
    page.waiters.wake_all();
    // SAFETY: the page owned it, and has let go; its mappings were gone and flushed before the write.
    let freed = freed.map(|pfn| unsafe { Frame::from_pfn(pfn, FrameClass::User) });
    Ended { freed, unwritten }
}

impl Out {
    /// The request has ended.
    fn end(self, ok: bool, run: u16, time: Ticks) {
        drain::admit();
        let Self { page, frame, slot } = self;
        if ok {
            // Before the page can be claimed: from then on the slot can be freed.
            let before = swap::get().map().set_owner(slot, Arc::downgrade(&page));
            drop(before);
        }
        inject::pass(Point::Written);
        let Ended { freed, unwritten } = end(&page, frame, ok, |generation, kept| {
            emit(Event::SwapOut(SwapOut { page: page.id, generation, frame, slot, run, ok, kept, time }));
        });
        if let Some(slot) = unwritten {
            swap::free(slot, page.id, SlotFreeReason::WriteFailed);
        }
        drop(freed); // to whoever waits, or to the cache
    }
}
