//! [`free_lower_half`]: takes down the user half of a tree when its address space ends.

use crate::walk::{Step, load, step};
use crate::{Pte, ROOT_LEVEL, TableMemory, UPPER_HALF};
use fl_addr::Pfn;
use fl_model::Ordering;

/// What [`free_lower_half`] did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Freed {
    /// Table frames given back; the root is not among them.
    pub tables: usize,
    /// Leaves that were still present: a violation by the caller. Their frames were not freed, for they belong to pages.
    pub leaves: usize,
    /// One of those leaves, for the message.
    pub first_leaf: Option<Pte>,
}

/// Frees all tables of the user half of `root` and empties its entries; the upper half and the root's own frame stay.
///
/// The caller unmapped all pages before, and made sure that no CPU has `root` loaded and no TLB or paging-structure cache refers to it.
/// Needs no memory. Under the page-table lock.
pub fn free_lower_half<M: TableMemory + ?Sized>(mem: &mut M, root: Pfn) -> Freed {
    let mut freed = Freed::default();
    empty_entries(mem, root, ROOT_LEVEL, 0..UPPER_HALF, &mut freed);
    freed
}

/// Empties entries of `table` and frees what tables they referred to. Recursion is at most three deep (levels 3, 2, 1).
fn empty_entries<M: TableMemory + ?Sized>(
    mem: &mut M,
    table: Pfn,
    level: u8,
    entries: core::ops::Range<usize>,
    freed: &mut Freed,
) {
    let mut from = entries.start;
    while let Some(index) = mem.next_used(table, from, entries.end) {
        from = index + 1;
        let entry = mem.entry(table, index);
        match step(load(entry), level) {
            Step::Empty => {}
            Step::Leaf(pte) => {
                freed.leaves += 1;
                freed.first_leaf.get_or_insert(pte);
                unlink(mem, table, index);
            }
            Step::Table(below) => {
                unlink(mem, table, index);
                empty_entries(mem, below, level - 1, 0..crate::ENTRIES, freed);
                mem.free_table(below);
                freed.tables += 1;
            }
        }
    }
}

/// Empties an entry before what it refers to is freed.
fn unlink<M: TableMemory + ?Sized>(mem: &M, table: Pfn, index: usize) {
    // Release: comes after all earlier uses of the subtree. Partner: the Acquire in `load` of whoever builds there next.
    mem.entry(table, index).store(Pte::EMPTY.0, Ordering::Release);
}
