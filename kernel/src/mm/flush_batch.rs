//! [`FlushBatch`]: translations that must go from every processor's cache before their frames are written out, freed or used anew.
//!
//! The order is always the same: change the entry, [`FlushBatch::add`] it, let go of the locks, [`FlushBatch::flush`], and only then touch
//! what depends on it. One flush for many pages is what makes it cheap. This one
//! takes pages of many spaces, for the evictor and for fork; who unmaps many pages of one space and frees them has an [`UnmapBatch`](super::unmap_batch::UnmapBatch).

use super::page_table::SpaceTable;
use super::shootdown::{self, Requests};
use crate::arch::interrupts::{self, IrqOff};
use crate::arch::paging;
use crate::inject::{self, Point};
use crate::percpu;
use crate::sync::order;
use alloc::sync::Arc;
use fl_addr::Vpn;
use fl_shootdown::{Drops, Extent};

/// Address spaces that a batch tells apart. Any more, and all translations of all spaces go.
const SPACES: usize = 8;
/// Pages that a batch tells apart. With any more its spaces go whole, which is cheaper by then.
const PAGES: usize = 16;
/// Runs of neighbouring pages that another processor is asked to drop one by one.
const RUNS: usize = 8;
/// Translations to be dropped, of pages whose entries were changed already.
///
/// Owns: references to the spaces. What is to become of the frames waits for [`flush`](Self::flush) by itself. Allocates nothing, and is small enough for any stack.
#[must_use = "what was added is not flushed yet"]
pub struct FlushBatch {
    /// In order of arrival, without gaps.
    spaces: [Option<Arc<SpaceTable>>; SPACES],
    /// `pages[..len]`: a place in `spaces`, and a page of that space.
    pages: [(u8, Vpn); PAGES],
    len: u8,
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
        let Some(space) = self.place_of(table) else { return };
        match self.pages.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = (space as u8, vpn);
                self.len += 1;
            }
            None => self.what = self.what.max(What::Spaces),
        }
    }

    /// All translations of `table` must go that were valid before its entries were changed: for one who changes many of them.
    pub fn add_all(&mut self, table: &Arc<SpaceTable>) {
        if self.place_of(table).is_some() {
            self.what = self.what.max(What::Spaces);
        }
    }

    /// The space's place. `None`: there is no room for it, and so everything goes.
    fn place_of(&mut self, table: &Arc<SpaceTable>) -> Option<usize> {
        let known = |place: &Option<Arc<SpaceTable>>| place.as_ref().is_none_or(|t| Arc::ptr_eq(t, table));
        let Some(space) = self.spaces.iter().position(known) else {
            self.what = What::All;
            return None;
        };
        self.spaces[space].get_or_insert_with(|| table.clone());
        Some(space)
    }

    /// Whether nothing was added since the last flush.
    pub fn is_empty(&self) -> bool {
        self.spaces[0].is_none()
    }

    /// Returns when no processor has any of the translations cached, and tells how many were interrupted for that. The batch is empty then.
    /// Interrupts on, no spin lock held.
    pub fn flush(&mut self) -> u32 {
        debug_assert!(
            interrupts::enabled(),
            "a flush waits for other processors, which may wait for this one"
        );
        inject::pass(Point::Flushing);
        let mut requests = Requests::new();
        {
            let irq = IrqOff::new();
            order::nothing_held(&irq);
            if self.what == What::All {
                requests.post(&irq, shootdown::everybody(), &Drops::<0>::of(Extent::User));
            } else {
                for (n, space) in self.spaces.iter().map_while(Option::as_ref).enumerate() {
                    requests.post(&irq, space.users(), &self.drops(n));
                }
            }
            requests.send(&irq);
        }
        let interrupted = requests.interrupted();
        requests.wait();
        self.spaces.iter_mut().take_while(|place| place.is_some()).for_each(|place| *place = None);
        (self.len, self.what) = (0, What::Pages);
        interrupted
    }

    /// What is to be dropped of the space at that place.
    fn drops(&self, space: usize) -> Drops<RUNS> {
        if self.what != What::Pages {
            return Drops::of(Extent::User);
        }
        let mut drops = Drops::new();
        let pages = self.pages[..usize::from(self.len)].iter().filter(|(of, _)| usize::from(*of) == space);
        pages.for_each(|(_, vpn)| drops.add(*vpn));
        drops
    }
}

/// A batch of one: returns when no processor has the translation of `page` in `table` cached that was valid before its entry was changed. Interrupts on, no
/// spin lock held. Costs little where no other processor runs the space.
#[inline]
pub fn flush_page(table: &Arc<SpaceTable>, page: Vpn) {
    debug_assert!(interrupts::enabled(), "a flush waits for other processors, which may wait for this one");
    inject::pass(Point::Flushing);
    let others = {
        let irq = IrqOff::new();
        let (users, here) = (table.users(), percpu::this_cpu(&irq));
        if users.has(here) {
            paging::flush(page);
        }
        !users.without(here).is_empty()
    };
    if others {
        flush_remote_page(table, page);
    }
}

#[cold]
fn flush_remote_page(table: &Arc<SpaceTable>, page: Vpn) {
    let mut batch = FlushBatch::new();
    batch.add(table, page);
    batch.flush();
}

impl Drop for FlushBatch {
    fn drop(&mut self) {
        debug_assert!(self.is_empty(), "translations were to be flushed and were not");
    }
}
