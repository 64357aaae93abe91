//! [`FlushBatch`]: translations that must go from every processor's cache before their frames are written out, freed or used anew.
//!
//! The order is always the same: change the entry, [`FlushBatch::add`] it, let go of the locks, [`FlushBatch::flush`], and only then touch
//! what depends on it. One flush for many pages is what makes it cheap.

use super::page_table::SpaceTable;
use super::shootdown::{self, Requests};
use crate::arch::interrupts::{self, IrqOff};
use alloc::sync::Arc;
use fl_addr::Vpn;
use fl_shootdown::{Drops, Extent};

/// Address spaces that a batch tells apart. Any more, and all translations of all spaces go.
const SPACES: usize = 8;
/// Runs of neighbouring pages that a batch tells apart in each of them. Any more, and the whole space goes.
const RUNS: usize = 8;

/// Translations to be dropped, of pages whose entries were changed already.
///
/// Owns: references to the spaces. Does not own: the frames; whoever frees them waits for [`flush`](Self::flush) himself. Allocates nothing.
#[must_use = "what was added is not flushed yet"]
pub struct FlushBatch {
    /// In order of arrival, without gaps.
    spaces: [Option<(Arc<SpaceTable>, Drops<RUNS>)>; SPACES],
    /// There were too many spaces: all that there are.
    all: bool,
}

impl FlushBatch {
    /// Nothing to flush.
    pub const fn new() -> Self {
        Self { spaces: [const { None }; SPACES], all: false }
    }

    /// The translation of `vpn` in `table` must go; its entry was changed already. May be called under spin locks.
    pub fn add(&mut self, table: &Arc<SpaceTable>, vpn: Vpn) {
        for place in &mut self.spaces {
            let (space, drops) = place.get_or_insert_with(|| (table.clone(), Drops::new()));
            if Arc::ptr_eq(space, table) {
                return drops.add(vpn);
            }
        }
        self.all = true;
    }

    /// All translations in `table` must go that were valid before its entries were changed: for one who changes many.
    pub fn add_all(&mut self, table: &Arc<SpaceTable>) {
        let known =
            |place: &Option<(Arc<SpaceTable>, _)>| place.as_ref().is_none_or(|p| Arc::ptr_eq(&p.0, table));
        match self.spaces.iter_mut().find(|place| known(place)) {
            Some(place) => *place = Some((table.clone(), Drops::of(Extent::User))),
            None => self.all = true,
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
        let mut requests = Requests::new();
        {
            let irq = IrqOff::new();
            if self.all {
                requests.post(&irq, shootdown::everybody(), &Drops::<0>::of(Extent::User));
            } else {
                for (space, drops) in self.spaces.iter().map_while(Option::as_ref) {
                    requests.post(&irq, space.users(), drops);
                }
            }
            requests.send(&irq);
        }
        requests.wait();
        self.spaces.iter_mut().take_while(|place| place.is_some()).for_each(|place| *place = None);
        self.all = false;
    }
}

impl Drop for FlushBatch {
    fn drop(&mut self) {
        debug_assert!(self.is_empty(), "translations were to be flushed and were not");
    }
}
