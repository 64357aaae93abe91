//! Breaking the sharing of a page for a store: the last sharer keeps it, others get a copy.

use super::fault::{FaultError, Report, Shown};
use super::map;
use super::page::{Page, Table};
use super::resolve::{Pinned, Spare, pin};
use super::space::{Space, SpaceError};
use crate::inject::{self, Point};
use crate::mm::budget;
use crate::mm::unmap_batch::UnmapBatch;
use crate::reclaim::{self, Tables};
use crate::trace::emit;
use alloc::sync::Arc;
use fl_addr::Vpn;
use fl_trace::event::{Event, Outcome, PageCopy, Stage};
use fl_vmcore::{Access, Entry, Kind, Prot, State, WriteFault, on_write_fault};

/// The short way to break sharing, for a page that is resident, without waiting for anything, and tells of it. False: nothing is changed, and it takes the
/// long way.
///
/// The space is locked all the while, as by [`break_sharing`].
#[inline]
pub(super) fn break_now(entry: &mut Entry<Arc<Page>>, table: &Table, vpn: Vpn, report: &mut Report) -> bool {
    let decision = {
        let body = entry.page.lock();
        let State::Resident { frame, .. } = body.state.state() else { return false };
        let decision = on_write_fault(&body.state, entry);
        if decision == WriteFault::Reuse {
            // Under the page's lock, so it needs no pin.
            if !table.let_write(vpn) {
                return false;
            }
            let (page, generation) = (entry.page.id, body.state.generation());
            report.is_of_resident(&entry.page);
            report.shows(&Shown { outcome: Outcome::Reused, page, generation, frame }); // before its eviction can be told
            drop(body);
            entry.cow = false;
            return true;
        }
        decision
    };
    let private = decision == WriteFault::Copy && entry.page.whose() == Kind::Private;
    private && budget::has_room(Page::HEAP) && copy_now(entry, table, vpn, report).is_some()
}

/// Copies a private page into a frame that is free now, shows the copy in the place of the original by one store to the entry, and tells of it. `None`:
/// nothing is changed.
fn copy_now(entry: &mut Entry<Arc<Page>>, table: &Table, vpn: Vpn, report: &mut Report) -> Option<()> {
    let clock = &mut report.clock;
    let leaf = table.leaf_table(vpn)?;
    clock.end(Stage::Lookup);
    let mut spare = reclaim::frame_now()?;
    clock.end(Stage::Frame);
    let pinned = pin(&entry.page).ok()?;
    pinned.copy_to(&mut spare);
    clock.end(Stage::Fill);
    inject::pass(Point::Copied);
    let frame = spare.pfn();
    let prot = Prot { write: true, ..entry.prot };
    let shown = map::entry(frame, prot, Access::Write);
    if !entry.page.leave(pinned, table, vpn, || table.replace_in(leaf, vpn, shown)) {
        return None;
    }
    let copy = Arc::new(Page::shown_copy(entry.page.source.clone(), spare, (table.clone(), vpn)));
    let old = core::mem::replace(&mut entry.page, copy);
    entry.cow = false;
    let copy = &entry.page;
    let generation = Page::GENERATION_OF_COPY;
    emit(Event::PageCopy(PageCopy { from: old.id, page: copy.id, generation, frame }));
    report.is_of_resident(&old);
    report.shows(&Shown { outcome: Outcome::Copied, page: copy.id, generation, frame });
    reclaim::settle(copy, frame); // from here on it can be evicted, of which the trace must not tell first
    Some(())
}

/// Gives the process its own view of `pinned` at `vpn`, writable and mapped, and tells of it. In `spare` is a frame if
/// [`may_need_copy`](fl_vmcore::may_need_copy) said so before the page was pinned: nobody waits for memory with a pin in hand.
///
/// Kernel stores on a program's behalf come here, too: they fault like its own.
pub(super) fn break_sharing(
    space: &Space,
    vpn: Vpn,
    pinned: Pinned<'_>,
    spare: &mut Spare,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<(), FaultError> {
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
            report.shows(&Shown { outcome: Outcome::Reused, page, generation, frame });
        }
        WriteFault::Copy => {
            let mut copied = spare.pop().expect("what was not to be copied before the pin is not now");
            if !budget::has_room(Page::HEAP) {
                return Err(SpaceError::NoMemory.into());
            }
            pinned.copy_to(&mut copied);
            report.clock.end(Stage::Fill);
            inject::pass(Point::Copied);
            let frame = copied.pfn();
            let place = (space.table.clone(), vpn);
            let copy = Arc::new(Page::copied(pinned.page().source.clone(), copied, place));
            let old = core::mem::replace(&mut entry.page, copy.clone());
            entry.cow = false;
            let prot = entry.mappable();
            let copy_pin = Pinned::of_copy(&copy);
            let (page, generation) = (copy.id, copy_pin.generation);
            // While the original, which may have been brought in for this, cannot be evicted yet: nothing else tells of that.
            emit(Event::PageCopy(PageCopy { from: old.id, page, generation, frame }));
            drop(pinned);
            // The old mapping goes, flushed, before the new one comes: between the two the page is absent, and only this thread could look.
            let mut batch = UnmapBatch::of_some(&space.table);
            old.let_go(vpn, &mut batch);
            batch.flush();
            inject::pass(Point::Unshared);
            reclaim::settle(&copy, frame);
            map::map(&space.table, vpn, frame, prot, Access::Write, tables)?;
            report.shows(&Shown { outcome: Outcome::Copied, page, generation, frame });
        }
    }
    Ok(())
}
