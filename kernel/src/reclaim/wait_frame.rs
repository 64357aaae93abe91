//! Frames for a fault: the data frame and the page tables that mapping it may take, all before anything is locked or claimed.

use crate::mm::frames::Frame;
use crate::mm::page_table::{KernelTables, SpaceTable};
use fl_addr::{Pfn, Vpn};
use fl_paging::{MapError, Pte, TableStock};
use fl_trace::event::FrameClass;

/// No frame is to be had and nothing can be evicted: the process cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// The table that one page is to be mapped into, or table frames in hand for the way to it. What is left is given back on drop.
pub enum Tables {
    /// It is there.
    There(Pfn),
    /// It was not when it was looked for.
    Missing(InHand),
}

/// Table frames in hand.
pub struct InHand(TableStock);

impl Tables {
    /// Takes what mapping `page` into `table` needs.
    #[inline]
    pub fn take(table: &SpaceTable, page: Vpn) -> Result<Self, NoMemory> {
        match table.leaf_table(page) {
            Some(leaf) => Ok(Self::There(leaf)),
            None => InHand::take(table, page).map(Self::Missing),
        }
    }

    /// Maps `page`, for which this was taken, into `table`.
    #[inline]
    pub fn map(&mut self, table: &SpaceTable, page: Vpn, pte: Pte) -> Result<(), MapError> {
        match self {
            Self::There(leaf) => table.map_in(*leaf, page, pte),
            Self::Missing(frames) => table.map(page, pte, &mut frames.0),
        }
    }
}

impl InHand {
    #[cold]
    fn take(table: &SpaceTable, page: Vpn) -> Result<Self, NoMemory> {
        let missing = table.missing_tables(page);
        let mut frames = Self(TableStock::new());
        if frames.0.fill(&mut KernelTables, missing) { Ok(frames) } else { Err(NoMemory) }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.give_back(&mut KernelTables);
    }
}

/// A user frame of zeroes, if one is to be had without waiting: may be called with locks held.
#[inline]
pub fn zeroed_frame_now() -> Option<Frame> {
    Frame::take_zeroed(FrameClass::User)
}

/// Takes a user frame, content undefined. May sleep once frames can be evicted: call it holding nothing.
pub fn take_frame() -> Result<Frame, NoMemory> {
    Frame::take(FrameClass::User).ok_or(NoMemory)
}
