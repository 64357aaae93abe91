//! [`FlushBatch`]: translations that must go from every processor's cache before their frames are written out, freed or used anew.
//!
//! The order is always the same: change the entry, [`FlushBatch::add`] it, let go of the locks, [`FlushBatch::flush`], and only then touch
//! what depends on it. One flush for many pages is what makes it cheap.

use super::page_table::SpaceTable;
use crate::arch::interrupts::{self, IrqOff};
use crate::arch::paging;
use alloc::sync::Arc;
use fl_addr::Vpn;

/// Address spaces that a batch tells apart. Any more, and all translations of all spaces go.
const SPACES: usize = 8;
/// Pages that a batch tells apart; with any more its spaces are flushed whole, which is cheaper by then: what is dropped too much is walked
/// again, some dozen cycles each.
const PAGES: usize = 32;

/// Translations to be dropped, of pages whose entries were changed already.
///
/// Owns: references to the spaces. Does not own: the frames; whoever frees them waits for [`flush`](Self::flush) himself. Allocates nothing.
#[must_use = "what was added is not flushed yet"]
pub struct FlushBatch {
    /// In order of arrival, without gaps.
    spaces: [Option<Arc<SpaceTable>>; SPACES],
    /// `pages[..len]`: a place in `spaces`, and a page of that space.
    pages: [(u8, Vpn); PAGES],
    len: usize,
    what: What,
}

/// What is flushed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The pages.
    Pages,
    /// The spaces, whole: there were too many pages.
    Spaces,
    /// All spaces there are: there were too many of them, too.
    All,
}

impl FlushBatch {
    /// Nothing to flush.
    pub const fn new() -> Self {
        Self { spaces: [const { None }; SPACES], pages: [(0, Vpn(0)); PAGES], len: 0, what: What::Pages }
    }

    /// The translation of `vpn` in `table` must go; its entry was changed already. May be called under spin locks.
    pub fn add(&mut self, table: &Arc<SpaceTable>, vpn: Vpn) {
        let known = |place: &Option<Arc<SpaceTable>>| place.as_ref().is_none_or(|t| Arc::ptr_eq(t, table));
        let Some(space) = self.spaces.iter().position(known) else {
            self.what = What::All;
            return;
        };
        self.spaces[space].get_or_insert_with(|| table.clone());
        match self.pages.get_mut(self.len) {
            Some(place) => {
                *place = (space as u8, vpn);
                self.len += 1;
            }
            None => self.what = self.what.max(What::Spaces),
        }
    }

    /// Whether nothing was added since the last flush.
    pub fn is_empty(&self) -> bool {
        self.spaces[0].is_none()
    }

    /// Returns when no processor has any of the translations cached. The batch is empty then. Interrupts on, no spin lock held.
    pub fn flush(&mut self) {
        debug_assert!(
            interrupts::enabled(),
            "a flush waits for other processors, which may wait for this one"
        );
        self.flush_here();
        self.spaces.iter_mut().take_while(|space| space.is_some()).for_each(|space| *space = None);
        (self.len, self.what) = (0, What::Pages);
    }

    fn flush_here(&self) {
        let _stay = IrqOff::new();
        let loaded = paging::root();
        let mut known = self.spaces.iter().map_while(Option::as_ref);
        let Some(space) = known.position(|space| space.root() == loaded) else {
            if self.what == What::All {
                paging::flush_all();
            }
            return; // what is not loaded is not cached: loading another root has dropped it
        };
        if self.what != What::Pages {
            return paging::flush_all();
        }
        let of_space = self.pages[..self.len].iter().filter(|(s, _)| usize::from(*s) == space);
        of_space.for_each(|(_, vpn)| paging::flush(*vpn));
    }
}

impl Drop for FlushBatch {
    fn drop(&mut self) {
        debug_assert!(self.is_empty(), "translations were to be flushed and were not");
    }
}
