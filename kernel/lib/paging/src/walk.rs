//! Walking down a tree: [`Step`] is what one entry says, [`descend`] follows entries to the level asked for.

use crate::{Pte, PteFlags, ROOT_LEVEL, TableMemory};
use fl_addr::{Pfn, Vpn};
use fl_model::{AtomicU64, Ordering, mutant};

/// What an entry at some level refers to.
pub(crate) enum Step {
    /// Nothing.
    Empty,
    /// The table one level below.
    Table(Pfn),
    /// A page: 4 KiB at level 1, 2 MiB at level 2, 1 GiB at level 3.
    Leaf(Pte),
}

/// Reads an entry. Acquire: partner of the Release in [`link`]; whoever sees a table's frame also sees its zeroed entries.
#[inline]
pub(crate) fn load(entry: &AtomicU64) -> Pte {
    Pte(entry.load(Ordering::Acquire))
}

/// What `pte`, read at `level`, refers to.
#[inline]
pub(crate) fn step(pte: Pte, level: u8) -> Step {
    if !pte.is_present() {
        Step::Empty
    } else if level == 1 || pte.is_large() {
        Step::Leaf(pte)
    } else {
        Step::Table(pte.pfn())
    }
}

/// Where a walk ended: the table and level that it reached, which is the level asked for unless something was in the way.
pub(crate) struct Reached {
    pub table: Pfn,
    pub level: u8,
}

/// Follows `page` from `root` down to the table of level `target`, or to where the next entry is empty or a leaf.
#[inline]
pub(crate) fn descend<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn, target: u8) -> Reached {
    let mut at = Reached { table: root, level: ROOT_LEVEL };
    while at.level > target {
        let Step::Table(next) = step(load(mem.entry(at.table, page.table_index(at.level))), at.level) else {
            break;
        };
        at = Reached { table: next, level: at.level - 1 };
    }
    at
}

/// One past the last page of the lower half: 2^47 bytes.
pub(crate) const LOWER_END: Vpn = Vpn(1 << 35);
/// First page of the upper half.
pub(crate) const UPPER_START: Vpn = Vpn(SPACE_END.0 - (1 << 35));
/// One past the last page that a 64-bit address can name.
pub(crate) const SPACE_END: Vpn = Vpn(1 << 52);

/// Whether `page` has canonical addresses (SDM vol. 1, 3.3.7.1): bits 47 to 63 alike. Table indices leave out bits 48 to 63, so
/// that any other page would be taken for one that it is not.
#[inline]
pub(crate) fn is_canonical(page: Vpn) -> bool {
    page < LOWER_END || page >= UPPER_START && page < SPACE_END
}

/// The level-1 entry of `page`, or `None` if tables are missing, a large page is in the way, or the page is not canonical.
#[inline]
pub(crate) fn leaf_entry<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<&AtomicU64> {
    let at = descend(mem, root, page, 1);
    (at.level == 1 && is_canonical(page)).then(|| mem.entry(at.table, page.table_index(1)))
}

/// Makes the empty `entry` refer to the zeroed table in frame `table`. `user`: whether a user page will be below.
#[inline]
pub(crate) fn link(entry: &AtomicU64, table: Pfn, user: bool) {
    // Rights are decided by the leaf; tables allow everything (NX clear, write set).
    let mut flags = PteFlags::PRESENT | PteFlags::WRITE;
    flags.set(PteFlags::USER, user);
    // Release: the table's zeroes come before the pointer to it. Partners: the hardware walk (which on x86 sees stores in
    // order, SDM vol. 3A 8.2) and `load` on another CPU.
    let order = if mutant!("link_relaxed") { Ordering::Relaxed } else { Ordering::Release };
    entry.store(Pte::new(table, flags).0, order);
}

/// Lets user mode through the table entry `entry` if it is not yet let through.
#[inline]
pub(crate) fn admit_user(entry: &AtomicU64) {
    if !load(entry).is_user() {
        // Relaxed: no memory is published by the bit; the hardware sees it at its next walk, and an entry that allows more
        // needs no flush (SDM vol. 3A 4.10.4.3). Read-modify-write, because the CPU may set the accessed bit meanwhile.
        entry.fetch_or(PteFlags::USER.bits(), Ordering::Relaxed);
    }
}
