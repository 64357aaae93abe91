//! [`UnmapBatch`]: unmaps many pages of one address space and frees what lay behind them, after a flush for many of them together. For munmap, exec and exit.
//!
//! The order is that of [`FlushBatch`](super::flush_batch::FlushBatch): the entry changes under its page's lock, the locks are let go of, all processors forget the
//! translations, and only then frames are free.

use super::frames::{Frame, FreeFrames};
use super::leaves::Leaves;
use super::page_table::SpaceTable;
use super::shootdown::Requests;
use crate::arch::interrupts::{self, IrqOff};
use crate::inject::{self, Point};
use crate::sync::order;
use fl_addr::Vpn;
use fl_paging::Pte;
use fl_shootdown::{Drops, Extent};

/// Runs of neighbouring pages that another processor is asked to drop one by one.
const RUNS: usize = 8;

/// Pages of one space that are being unmapped.
///
/// Owns: the frames that are to be free ([`free`](Self::free)): nobody gets one before all processors have acknowledged. What else is to become of a frame waits for
/// [`flush`](Self::flush) by itself. Allocates nothing. For the thread whose space it is: nobody else makes tables meanwhile.
#[must_use = "what was unmapped is not flushed yet"]
pub struct UnmapBatch<'a> {
    leaves: Leaves<'a>,
    /// Something was unmapped since the last flush.
    pending: bool,
    /// The pages of the space that are to be dropped, or all of them.
    drops: Drops<RUNS>,
    extent: Extent,
    frames: FreeFrames,
}

impl<'a> UnmapBatch<'a> {
    /// For some pages of `table`.
    pub const fn of_some(table: &'a SpaceTable) -> Self {
        Self::beginning(table, Extent::Runs)
    }

    /// For all pages of `table`: whoever has it loaded drops everything, and no page is noted.
    pub const fn of_all(table: &'a SpaceTable) -> Self {
        Self::beginning(table, Extent::User)
    }

    const fn beginning(table: &'a SpaceTable, extent: Extent) -> Self {
        let drops = Drops::of(extent);
        Self { leaves: Leaves::of(table), pending: false, drops, extent, frames: FreeFrames::new() }
    }

    /// The space's table.
    pub const fn table(&self) -> &'a SpaceTable {
        self.leaves.table()
    }

    /// Unmaps `page`; the entry with its final accessed and dirty bits. `None`: not mapped. May be called under spin locks.
    #[inline(always)] // a handful of instructions, where a call takes twenty
    pub fn take(&mut self, irq: &IrqOff, page: Vpn) -> Option<Pte> {
        let leaf = self.leaves.leaf(page)?;
        let old = self.table().take_in(irq, leaf, page)?;
        self.pending = true;
        if self.extent == Extent::Runs {
            self.drops.add(page);
        }
        Some(old)
    }

    /// The frame, a user frame, is free after the flush; of its translations all were taken. May flush: interrupts on, no spin lock held.
    #[inline]
    pub fn free(&mut self, frame: Frame) {
        if self.frames.is_full() {
            self.flush();
        }
        self.frames.add(frame);
    }

    /// Returns when no processor has any of the translations cached, and the frames are free. The batch is empty then. Interrupts on, no spin lock held.
    pub fn flush(&mut self) {
        debug_assert!(
            interrupts::enabled(),
            "a flush waits for other processors, which may wait for this one"
        );
        inject::pass(Point::Flushing);
        if self.pending {
            let mut requests = Requests::new();
            {
                let irq = IrqOff::new();
                order::nothing_held(&irq);
                requests.post(&irq, self.table().users(), &self.drops);
                requests.send(&irq);
            }
            requests.wait();
            (self.pending, self.drops) = (false, Drops::of(self.extent));
        }
        self.frames.give_back();
    }
}

impl Drop for UnmapBatch<'_> {
    fn drop(&mut self) {
        debug_assert!(
            !self.pending && self.frames.is_empty(),
            "translations were to be flushed and were not"
        );
    }
}
