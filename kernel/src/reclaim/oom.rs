//! No memory: who is to end is not for this layer to know, but it can tell whose pages there are, and wake who waits for a frame in vain.

use super::{frame_table, swap};
use crate::mm::page_table::Usage;
use crate::sync::Once;
use crate::vm::page::Page;
use alloc::sync::Arc;
use fl_addr::Slot;
use fl_vmcore::{Kind, State};

/// What the layer of processes does about it.
pub struct OutOfMemory {
    /// Makes room by ending a process, or sees to it that one is ending already. False: there is nothing it can do.
    pub end_one: fn() -> bool,
    /// Whether the running process is to end: it waits for nothing any more.
    pub is_ending: fn() -> bool,
}

static HANDLER: Once<OutOfMemory> = Once::new();

/// Says what is done when there is no memory. Once, at boot.
pub fn set_handler(handler: OutOfMemory) {
    HANDLER.call_once(|| handler);
}

/// Has a process end. False: nothing can be done.
pub(super) fn end_one() -> bool {
    HANDLER.get().is_some_and(|handler| (handler.end_one)())
}

/// Whether the running process is to end.
pub(super) fn is_ending() -> bool {
    HANDLER.get().is_some_and(|handler| (handler.is_ending)())
}

/// Pages looked at with a table locked once.
const PIECE: usize = 16;

/// Adds every private page to the [`Usage`] of those who show it. Called by the evictor's thread only, with the counts reset. What changes meanwhile may
/// be counted or not: an estimate suffices.
pub fn count_pages() {
    let mut next = Some(0);
    while let Some(from) = next {
        let mut pages: heapless::Vec<Arc<Page>, PIECE> = heapless::Vec::new();
        next = frame_table::lock().pages(from, PIECE, |page| _ = pages.push(page.clone()));
        pages.iter().for_each(|page| count(page));
    }
    let (slots, _) = swap::slots();
    for from in (0..slots).step_by(PIECE) {
        let mut pages: heapless::Vec<Arc<Page>, PIECE> = heapless::Vec::new();
        {
            let map = swap::get().map();
            let owners = (from..slots.min(from + PIECE as u32)).filter_map(|slot| map.owner(Slot(slot)));
            owners.filter_map(|page| page.upgrade()).for_each(|page| _ = pages.push(page));
        }
        for page in &pages {
            if matches!(page.lock().state.state(), State::Swapped { .. }) {
                count(page); // else it has a frame, and was counted with that
            }
        }
    }
}

fn count(page: &Page) {
    if page.whose() == Kind::File {
        return;
    }
    let body = page.lock();
    let swapped = body.state.frame().is_none();
    body.shown.iter().for_each(|(space, _)| Usage::add(space.usage(), swapped));
}
