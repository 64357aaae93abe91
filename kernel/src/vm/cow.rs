//! Breaking the sharing of a page for a store: the last sharer keeps it, others get a copy.

use super::fault::{FaultError, StageClock};
use super::map;
use super::page::Page;
use super::resolve::{Pinned, Spare};
use super::space::{Space, SpaceError};
use crate::mm::budget;
use crate::reclaim::{self, Tables};
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::{PageId, Pfn, Vpn};
use fl_trace::event::{Event, Outcome, PageCopy, Stage};
use fl_vmcore::{Access, WriteFault, on_write_fault};

/// How the sharing ended: for the fault's event.
pub(super) struct Broken {
    pub outcome: Outcome,
    pub page: PageId,
    pub generation: u32,
    pub frame: Pfn,
}

/// Gives the process its own view of `pinned` at `vpn`, writable and mapped. In `spare` is a frame for a copy, taken before the page was pinned: nobody
/// waits for memory with a pin in hand. `None`: a frame turned out to be needed; start again with one.
///
/// Kernel stores on a program's behalf come here, too: they fault like its own.
pub(super) fn break_sharing(
    space: &Space,
    vpn: Vpn,
    pinned: Pinned<'_>,
    spare: &mut Spare,
    tables: &mut Tables,
    clock: &mut StageClock,
) -> Result<Option<Broken>, FaultError> {
    let mut contents = space.contents.lock();
    let entry =
        contents.spt.get_mut(vpn).expect("the process's own thread, which is here, takes entries out");
    let decision = {
        let body = pinned.page().lock();
        on_write_fault(&body.state, entry)
    };
    match decision {
        WriteFault::Reuse | WriteFault::SharedWrite => {
            entry.cow = false;
            map::map(&space.table, vpn, pinned.frame, entry.mappable(), Access::Write, tables)?;
            let (page, generation, frame) = (pinned.page().id, pinned.generation, pinned.frame);
            Ok(Some(Broken { outcome: Outcome::Reused, page, generation, frame }))
        }
        WriteFault::Copy => {
            let Some(mut frame) = spare.pop() else { return Ok(None) };
            if !budget::has_room(Page::HEAP) {
                return Err(SpaceError::NoMemory.into());
            }
            pinned.copy_to(&mut frame);
            clock.end(Stage::Fill);
            let pfn = frame.pfn();
            let place = (space.table.clone(), vpn);
            let copy = Arc::new(Page::copied(pinned.page().source.clone(), frame, place));
            let old = core::mem::replace(&mut entry.page, copy.clone());
            entry.cow = false;
            let prot = entry.mappable();
            drop(pinned);
            // The old mapping goes, flushed, before the new one comes: between the two the page is absent, and only this thread could look.
            old.let_go(&space.table, vpn);
            let copy_pin = Pinned::of_copy(&copy);
            reclaim::settle(&copy, pfn);
            emit(Event::PageCopy(PageCopy {
                from: old.id,
                page: copy.id,
                generation: copy_pin.generation,
                frame: pfn,
            }));
            map::map(&space.table, vpn, pfn, prot, Access::Write, tables)?;
            Ok(Some(Broken {
                outcome: Outcome::Copied,
                page: copy.id,
                generation: copy_pin.generation,
                frame: pfn,
            }))
        }
    }
}
