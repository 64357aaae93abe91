//! Letting go of a page: its mapping goes, what only the mapping's dirty bit knew is kept or written, the last one frees the frame.

use super::page::{Body, Page, Table};
use super::resolve::Pinned;
use crate::inject::{self, Point};
use crate::mm::flush_batch::flush_page;
use crate::mm::frames::Frame;
use crate::mm::unmap_batch::UnmapBatch;
use crate::reclaim;
use crate::trace::{emit, emit_lazily};
use alloc::sync::Arc;
use fl_addr::{Pfn, Vpn};
use fl_paging::Pte;
use fl_trace::event::{Event, FrameClass, PageFree, SlotFreeReason, WriteBack};
use fl_vmcore::{Kind, Refused, Remains};

impl Page {
    /// An entry of the supplemental page table of `batch`'s space, at `vpn`, stops to refer to the page. What that space has stored to a
    /// mapped file is in the file when this returns, as far as the disk let it. The page's frame, if nobody else has the page, is in `batch` then. May sleep, with nothing in the
    /// batch; the caller holds no pin.
    #[inline(always)] // as `let_go_at_once`
    pub fn let_go(&self, vpn: Vpn, batch: &mut UnmapBatch<'_>) {
        if self.whose() == Kind::File || !self.let_go_at_once(vpn, batch) {
            self.let_go_waiting(vpn, batch);
        }
    }

    /// Lets go of a private page that others keep, or that is resident and has nobody else: of nearly all, that is. False: it has to be waited for, or has no
    /// frame; nothing was done.
    #[inline(always)] // at the heart of an exit: a call would be a seventh of it
    fn let_go_at_once(&self, vpn: Vpn, batch: &mut UnmapBatch<'_>) -> bool {
        let table = batch.table();
        let _place; // dropped without the lock
        let mut body = self.lock();
        let (Body { state, shown, .. }, irq) = body.parts();
        if !state.may_leave() {
            return false;
        }
        let dirty = batch.take(irq, vpn).is_some_and(Pte::is_dirty);
        let remains = state.leave(dirty);
        _place = shown.remove(vpn, |t| core::ptr::eq(&**t, table));
        let Some(Remains { frame: Some(frame), slot }) = remains else {
            drop(body);
            inject::pass(Point::Detached);
            return true;
        };
        let generation = state.generation();
        emit_lazily(irq, Event::PAGE_FREE, || self.end_of(generation, frame));
        let reference = reclaim::forget(frame);
        drop(body);
        drop(reference);
        inject::pass(Point::Detached);
        if let Some(slot) = slot {
            reclaim::swap::free(slot, self.id, SlotFreeReason::Dead);
        }
        // SAFETY: the page owned it (published from a `Frame`) and is dead now; its mapping was taken by `batch`.
        batch.free(unsafe { Frame::from_pfn(frame, FrameClass::User) });
        true
    }

    /// What tells that the page is dead.
    fn end_of(&self, generation: u32, frame: Pfn) -> Event {
        Event::PageFree(PageFree { page: self.id, generation, frame })
    }

    /// [`let_go`](Self::let_go) of a page of a file, or one that is busy, or has no frame.
    #[cold]
    #[inline(never)]
    fn let_go_waiting(&self, vpn: Vpn, batch: &mut UnmapBatch<'_>) {
        if self.whose() == Kind::File {
            self.write_back(vpn, batch);
        }
        let table = batch.table();
        loop {
            let mut reference = None;
            let detached = {
                let mut body = self.lock();
                // Nobody can have a say in between, and a mapping is only taken out if that can be noted: no evictor judges the page with the bit in
                // nobody's hands.
                let noted = body.state.detach(false).and_then(|clean| {
                    let dirty = batch.take(body.irq(), vpn).is_some_and(Pte::is_dirty);
                    // Of a private page that dies with this nobody wants to know whether it was stored to.
                    let dies = clean.1.is_some() && self.whose() == Kind::Private;
                    if dirty && !dies { body.state.detach(true) } else { Ok(clean) }
                });
                noted.map(|(state, remains)| {
                    body.state = state;
                    let place = body.shown.remove(vpn, |t| core::ptr::eq(&**t, table));
                    let frame = remains.and_then(|remains| remains.frame);
                    reference = frame.and_then(reclaim::forget);
                    (remains, state.generation(), place)
                })
            };
            drop(reference);
            inject::pass(Point::Detached);
            match detached {
                Ok((remains, generation, _place)) => {
                    if let Some(frame) = self.free(remains, generation) {
                        batch.free(frame);
                    }
                    return;
                }
                Err(Refused::Busy) => {
                    batch.flush();
                    self.wait_until_idle();
                }
                // Another space has let go since, and left its stores to this one.
                Err(Refused::Unwritten) => self.write_back(vpn, batch),
                // The caller's fault: it holds a pin, or has let go before.
                Err(refused) => panic!("page {} cannot be let go: {refused}", self.id),
            }
        }
    }

    /// As [`let_go`](Self::let_go), for one who has the page, a private one, pinned, and by `replace` puts another mapping into the place of its own: without waiting for
    /// the page. False: that cannot be now, and nothing is changed but that the pin is gone.
    pub(super) fn leave(
        &self,
        pinned: Pinned<'_>,
        table: &Table,
        vpn: Vpn,
        replace: impl FnOnce() -> Option<Pte>,
    ) -> bool {
        let mut reference = None;
        let left = {
            let mut body = self.lock();
            body.state = pinned.take_back(&body.state);
            // As in `let_go`: judged first, for a mapping that is gone must be noted.
            body.state.detach(false).ok().map(|clean| {
                let dirty = replace().is_some_and(|pte| pte.is_dirty());
                let shared = clean.1.is_none();
                let (state, remains) = match dirty && shared {
                    true => body
                        .state
                        .detach(true)
                        .expect("a page that can be let go clean can be so dirty, if others keep it"),
                    false => clean,
                };
                body.state = state;
                let place = body.shown.remove(vpn, |t| Arc::ptr_eq(t, table));
                let frame = remains.and_then(|remains| remains.frame);
                reference = frame.and_then(reclaim::forget);
                (remains, state.generation(), place)
            })
        };
        drop(reference);
        inject::pass(Point::Detached);
        let Some((remains, generation, _place)) = left else { return false };
        flush_page(table, vpn);
        drop(self.free(remains, generation));
        true
    }

    /// Takes what the dead page owned: gives its slot back, and hands out the frame, which is free once its translations were flushed.
    fn free(&self, remains: Option<Remains>, generation: u32) -> Option<Frame> {
        let Remains { frame, slot } = remains?;
        if let Some(pfn) = frame {
            emit(self.end_of(generation, pfn));
        }
        if let Some(slot) = slot {
            reclaim::swap::free(slot, self.id, SlotFreeReason::Dead);
        }
        // SAFETY: the page owned it (published from a `Frame`) and is dead now; its mappings are gone, and who has translations cached is the caller's affair.
        frame.map(|pfn| unsafe { Frame::from_pfn(pfn, FrameClass::User) })
    }

    /// Takes the mapping of a file page out and writes the page if it was stored to. Other spaces that show it go on meanwhile: what they
    /// store is written now or has left a dirty bit behind, for when they let go.
    fn write_back(&self, vpn: Vpn, batch: &mut UnmapBatch<'_>) {
        let dirty = loop {
            let begun = {
                let mut body = self.lock();
                body.state.begin_clean().map(|cleaning| {
                    body.state = cleaning;
                    batch.take(body.irq(), vpn).is_some_and(Pte::is_dirty)
                })
            };
            match begun {
                Ok(dirty) => break dirty,
                Err(Refused::Busy) => {
                    batch.flush();
                    self.wait_until_idle();
                }
                Err(Refused::NotResident) => return, // never came in, or was written when it went out
                Err(refused) => panic!("page {} cannot be written back: {refused}", self.id),
            }
        };
        if dirty {
            batch.flush(); // who had the translation as dirty could store until now; any other faults
        }
        let frame = {
            let mut body = self.lock();
            let (gathered, must_write) =
                body.state.gather(dirty).expect("only this thread ends the cleaning");
            body.state = match must_write {
                true => gathered,
                false => gathered.cleaned().expect("there is nothing to write"),
            };
            must_write.then_some(gathered.frame()).flatten()
        };
        if let Some(frame) = frame {
            batch.flush();
            inject::pass(Point::Cleaning);
            self.write_and_tell(frame);
        }
        inject::pass(Point::Cleaned);
        self.waiters.wake_all();
    }

    /// Writes the page, which is being cleaned, from `frame` to its file.
    fn write_and_tell(&self, frame: Pfn) {
        let (bytes, ok) = self.write_to_file(frame);
        {
            let mut body = self.lock();
            let cleaned = if ok { body.state.cleaned() } else { body.state.clean_failed() };
            let cleaned = cleaned.expect("only this thread ends the cleaning it has begun");
            // The last one gives up stores that cannot be written; the trace and the log say so. Others leave it to the next.
            let lost = !ok && cleaned.sharers() == 1;
            body.state = if lost { cleaned.discard_stores().unwrap_or(cleaned) } else { cleaned };
            let generation = body.state.generation();
            // With the lock held: what others do with the page is told afterwards.
            emit(Event::WriteBack(WriteBack { page: self.id, generation, frame, bytes, ok, kept: true }));
        }
        if !ok {
            defmt::warn!("page {=u32} of a mapped file could not be written back", self.id.0);
        }
    }
}
