//! Letting go of a page: its mapping goes, what only the mapping's dirty bit knew is kept or written, the last one frees the frame.

use super::page::{Page, Table};
use super::resolve::Pinned;
use crate::inject::{self, Point};
use crate::mm::frames::Frame;
use crate::reclaim;
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::{Pfn, Vpn};
use fl_paging::Pte;
use fl_trace::event::{Event, FrameClass, PageFree, SlotFreeReason, WriteBack};
use fl_vmcore::{Kind, Refused, Remains};

impl Page {
    /// An entry of the supplemental page table of `table`'s space, at `vpn`, stops to refer to the page. What that space has stored to a
    /// mapped file is in the file when this returns, as far as the disk let it. May sleep; the caller holds no pin.
    pub fn let_go(&self, table: &Table, vpn: Vpn) {
        if self.whose() == Kind::File {
            self.write_back(table, vpn);
        }
        loop {
            let mut reference = None;
            let detached = {
                let mut body = self.lock();
                // Nobody can have a say in between, and a mapping is only taken out if that can be noted: no evictor judges the page with the bit in
                // nobody's hands.
                let noted = body.state.detach(false).and_then(|clean| {
                    let dirty = table.unmap(vpn).is_some_and(|pte| pte.is_dirty());
                    // Of a private page that dies with this nobody wants to know whether it was stored to.
                    let dies = clean.1.is_some() && self.whose() == Kind::Private;
                    if dirty && !dies { body.state.detach(true) } else { Ok(clean) }
                });
                noted.map(|(state, remains)| {
                    body.state = state;
                    let place = body.shown.remove(vpn, |t| Arc::ptr_eq(t, table));
                    let frame = remains.and_then(|remains| remains.frame);
                    reference = frame.and_then(reclaim::forget);
                    (remains, state.generation(), place)
                })
            };
            drop(reference);
            inject::pass(Point::Detached);
            match detached {
                Ok((remains, generation, _place)) => return self.free(remains, generation),
                Err(Refused::Busy) => self.wait_until_idle(),
                // Another space has let go since, and left its stores to this one.
                Err(Refused::Unwritten) => self.write_back(table, vpn),
                // The caller's fault: it holds a pin, or has let go before.
                Err(refused) => panic!("page {} cannot be let go: {refused}", self.id),
            }
        }
    }

    /// As [`let_go`](Self::let_go), for one who has the page, a private one, pinned, and by `replace` puts another mapping into the place of its own, which was
    /// flushed when that returns: without waiting. False: that cannot be now, and nothing is changed but that the pin is gone.
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
        self.free(remains, generation);
        true
    }

    /// Gives back what the page owned. Its mappings are gone and flushed: `SpaceTable::unmap` flushes.
    fn free(&self, remains: Option<Remains>, generation: u32) {
        let Some(Remains { frame, slot }) = remains else { return };
        if let Some(pfn) = frame {
            emit(Event::PageFree(PageFree { page: self.id, generation, frame: pfn }));
            // SAFETY: the page owned it (published from a `Frame`), is dead now, and its mappings are gone and flushed.
            drop(unsafe { Frame::from_pfn(pfn, FrameClass::User) });
        }
        if let Some(slot) = slot {
            reclaim::swap::free(slot, self.id, SlotFreeReason::Dead);
        }
    }

    /// Takes the mapping of a file page out and writes the page if it was stored to. Other spaces that show it go on meanwhile: what they
    /// store is written now or has left a dirty bit behind, for when they let go.
    fn write_back(&self, table: &Table, vpn: Vpn) {
        let frame = loop {
            let begun = {
                let mut body = self.lock();
                body.state.begin_clean().and_then(|cleaning| {
                    let dirty = table.unmap(vpn).is_some_and(|pte| pte.is_dirty()); // and flushed
                    let (gathered, must_write) = cleaning.gather(dirty)?;
                    body.state = if must_write { gathered } else { gathered.cleaned()? };
                    Ok(must_write.then_some(gathered.frame()).flatten())
                })
            };
            match begun {
                Ok(frame) => break frame,
                Err(Refused::Busy) => self.wait_until_idle(),
                Err(Refused::NotResident) => return, // never came in, or was written when it went out
                Err(refused) => panic!("page {} cannot be written back: {refused}", self.id),
            }
        };
        if let Some(frame) = frame {
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
