//! Taking back the slots that resident pages keep as copies, when slots are short.

use super::frame_table;
use super::swap;
use crate::trace::drain;
use crate::vm::page::Page;
use alloc::sync::Arc;
use fl_trace::event::SlotFreeReason;

/// Frames looked at with the table locked once.
const PIECE: usize = 16;

/// Takes the slots of all pages that have their frame and can be had now.
pub(super) fn reclaim() {
    let mut next = Some(0);
    while let Some(from) = next {
        let mut pages: heapless::Vec<Arc<Page>, PIECE> = heapless::Vec::new();
        next = frame_table::lock().pages(from, PIECE, |page| _ = pages.push(page.clone()));
        drain::admit();
        for page in pages {
            let taken = page.try_lock().and_then(|mut body| {
                let (state, slot) = body.state.take_slot().ok()?;
                body.state = state;
                Some(slot)
            });
            if let Some(slot) = taken {
                swap::free(slot, page.id, SlotFreeReason::Reclaimed);
            }
        }
    }
}
