//! [`Leaves`]: where the entries of many pages of one space stand, without a walk from the root for each.

use super::page_table::SpaceTable;
use fl_addr::{Pfn, Vpn};
use fl_paging::ENTRIES;

/// Tables that are remembered: those of 32 MiB that lie together. A power of two.
const KNOWN: usize = 16;

/// The leaf tables of one space, as they were found: also that there is none. For the thread whose space it is, while it goes through many of its pages: nobody
/// else makes tables, and none is freed before the space is.
pub struct Leaves<'a> {
    table: &'a SpaceTable,
    /// Of the pages whose number / 512 is the first, at that modulo [`KNOWN`].
    known: [(u64, Option<Pfn>); KNOWN],
}

impl<'a> Leaves<'a> {
    /// Of no page's number.
    const NOWHERE: u64 = u64::MAX;

    /// Those of `table`; none is known yet.
    pub const fn of(table: &'a SpaceTable) -> Self {
        Self { table, known: [(Self::NOWHERE, None); KNOWN] }
    }

    /// The space's table.
    #[inline]
    pub const fn table(&self) -> &'a SpaceTable {
        self.table
    }

    /// The table in which the entry of `page` stands. `None`: there is none, so the page is not mapped.
    #[inline]
    pub fn leaf(&mut self, page: Vpn) -> Option<Pfn> {
        let region = page.0 / ENTRIES as u64;
        let known = &mut self.known[region as usize % KNOWN];
        if known.0 != region {
            *known = (region, walk(self.table, page));
        }
        known.1
    }
}

#[cold]
#[inline(never)]
fn walk(table: &SpaceTable, page: Vpn) -> Option<Pfn> {
    table.leaf_table(page)
}
