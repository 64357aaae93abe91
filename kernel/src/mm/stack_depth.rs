//! How deep kernel stacks get: checked builds paint a new stack, and what has lost its paint was used.
//!
//! A lower bound, for a function may leave bytes of its frame untouched; but a call writes its return address, so it is off by one frame at most.

use super::layout::frame_ptr;
use super::page_table;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use fl_addr::{PAGE_SIZE, Vpn};

/// What no frame of a function is likely to hold.
const PAINT: u64 = 0xdead_57ac_dead_57ac;
/// Words of a page.
const WORDS: usize = PAGE_SIZE / 8;

/// The most bytes that any stack of a kind has used. Relaxed: a maximum.
pub(super) struct Deepest(AtomicUsize);

impl Deepest {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Looks at a stack of `pages` pages from `lowest` on, whether somebody runs on it or not. Pages that are not mapped do not count.
    pub(super) fn look(&self, lowest: Vpn, pages: u64) {
        let painted = (0..pages).flat_map(|n| words(lowest + n)).take_while(|word| *word == PAINT);
        self.0.fetch_max(pages as usize * PAGE_SIZE - painted.count() * 8, Relaxed);
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Paints a page of a new stack.
pub(super) fn paint(page: &mut [u8; PAGE_SIZE]) {
    page.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&PAINT.to_ne_bytes()));
}

/// The words of the page at `page`, lowest first; none if it is not mapped.
fn words(page: Vpn) -> impl Iterator<Item = u64> {
    let at = page_table::physical(page.start()).map(|at| frame_ptr(at.pfn()).cast::<u64>());
    // SAFETY: a frame in the direct map; a word that is written meanwhile is of no use and does no harm.
    (0..WORDS).filter_map(move |n| at.map(|at| unsafe { at.add(n).read_volatile() }))
}
