//! Frames for a fault: the data frame and the page tables that mapping it may take, all before anything is locked or claimed.

use crate::mm::frames::Frame;
use crate::mm::page_table::{KernelTables, SpaceTable};
use fl_addr::Vpn;
use fl_paging::TableStock;
use fl_trace::event::FrameClass;

/// No frame is to be had and nothing can be evicted: the process cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// Table frames in hand. What is left is given back on drop.
pub struct Tables(TableStock);

impl Tables {
    /// Takes what mapping `page` into `table` needs.
    pub fn take(table: &SpaceTable, page: Vpn) -> Result<Self, NoMemory> {
        let missing = table.missing_tables(page);
        let mut tables = Self(TableStock::new());
        if tables.0.fill(&mut KernelTables, missing) { Ok(tables) } else { Err(NoMemory) }
    }

    /// The stock, to map from.
    pub fn stock(&mut self) -> &mut TableStock {
        &mut self.0
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        self.0.give_back(&mut KernelTables);
    }
}

/// Takes a user frame of zeroes. As [`take_frame`] otherwise.
pub fn take_zeroed_frame() -> Result<Frame, NoMemory> {
    Frame::take_zeroed(FrameClass::User).ok_or(NoMemory)
}

/// Takes a user frame, content undefined. May sleep once frames can be evicted: call it holding nothing.
pub fn take_frame() -> Result<Frame, NoMemory> {
    Frame::take(FrameClass::User).ok_or(NoMemory)
}
