//! Reading a tree: [`lookup`] one page, [`translate`] an address, [`for_each_present`] over a range. No lock is needed to read a
//! single entry; the answer may be old by the time it is used unless the page-table lock is held.

use crate::walk::{SPACE_END, Step, UPPER_START, descend, is_canonical, load, step};
use crate::{Pte, ROOT_LEVEL, TableMemory};
use core::ops::Range;
use fl_addr::{PAGE_SHIFT, Pfn, PhysAddr, VirtAddr, Vpn};

/// The leaf that maps `page` and its level: 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB. `None` if nothing maps it, or its addresses are not canonical.
#[inline]
pub fn lookup<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<(Pte, u8)> {
    if !is_canonical(page) {
        return None;
    }
    let at = descend(mem, root, page, 1);
    match step(load(mem.entry(at.table, page.table_index(at.level))), at.level) {
        Step::Leaf(pte) => Some((pte, at.level)),
        Step::Empty | Step::Table(_) => None,
    }
}

/// The physical address that `va` translates to, through pages of any size.
#[inline]
pub fn translate<M: TableMemory + ?Sized>(mem: &M, root: Pfn, va: VirtAddr) -> Option<PhysAddr> {
    let (pte, level) = lookup(mem, root, va.vpn())?;
    let within = va.0 & ((pages_below(level) << PAGE_SHIFT) - 1);
    Some(pte.pfn().start() + within)
}

/// Calls `f(first page, leaf, level)` for each leaf that maps a page of `pages`, in ascending order. A large page that only
/// partly lies in the range is reported once, with its own first page. Skips what is absent by whole tables.
pub fn for_each_present<M: TableMemory + ?Sized>(
    mem: &M,
    root: Pfn,
    pages: Range<Vpn>,
    mut f: impl FnMut(Vpn, Pte, u8),
) {
    let end = pages.end.min(SPACE_END);
    let mut page = pages.start;
    while page < end {
        if !is_canonical(page) {
            // In the hole between the halves; below `SPACE_END` nothing else is not canonical.
            page = UPPER_START;
            continue;
        }
        let at = descend(mem, root, page, 1);
        let pte = load(mem.entry(at.table, page.table_index(at.level)));
        let span = pages_below(at.level);
        let first = Vpn(page.0 & !(span - 1));
        if let Step::Leaf(pte) = step(pte, at.level) {
            f(first, pte, at.level);
        }
        // Cannot wrap: `page` is below 2^52.
        page = first + span;
    }
}

/// Pages that one entry of a table of `level` covers: 1, 512, 512^2, 512^3.
#[inline]
pub(crate) const fn pages_below(level: u8) -> u64 {
    debug_assert!(level >= 1 && level <= ROOT_LEVEL);
    1 << (9 * (level as u32 - 1))
}
