//! Mapping one 4-KiB page: [`map`] allocates tables as it goes, [`map_with`] uses only those handed in.

use crate::walk::{Step, admit_user, descend, is_canonical, link, load, step};
use crate::{Pte, ROOT_LEVEL, TableMemory, TableStock};
use core::fmt;
use fl_addr::{Pfn, Vpn};
use fl_model::{AtomicU64, Ordering, mutant};

/// Why a page was not mapped. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// Something is mapped there already; holds it. The caller lost a race, or forgot to unmap.
    AlreadyMapped(Pte),
    /// A table is missing and there is no frame for it. Worth trying again with memory in hand.
    NoTable,
    /// A large page covers the address; it is not split.
    LargePage,
    /// The page's addresses are not canonical: no entry stands for it.
    NotCanonical,
    /// The caller's entry is not a 4-KiB leaf: not present, or marked large.
    BadEntry,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyMapped(_) => "the page is mapped already",
            Self::NoTable => "no frame for a page table",
            Self::LargePage => "a large page covers the address",
            Self::NotCanonical => "not a canonical address",
            Self::BadEntry => "not the entry of a 4-KiB page",
        })
    }
}

impl core::error::Error for MapError {}

/// Maps `page` as `pte` says, allocating missing tables from `mem`. Under the page-table lock.
///
/// # Errors
/// See [`MapError`].
pub fn map<M: TableMemory + ?Sized>(mem: &mut M, root: Pfn, page: Vpn, pte: Pte) -> Result<(), MapError> {
    let mut stock = TableStock::new();
    let result = match stock.fill(mem, missing_tables(mem, root, page)) {
        true => map_with(mem, root, page, pte, &mut stock),
        false => Err(MapError::NoTable),
    };
    stock.give_back(mem);
    result
}

/// Maps `page` as `pte` says with missing tables taken from `stock` only. Allocates nothing: made to be called under the
/// page-table lock. What is left in the stock afterwards is the caller's to give back.
///
/// # Errors
/// See [`MapError`]; [`MapError::NoTable`] means that the stock held fewer than [`missing_tables`].
pub fn map_with<M: TableMemory + ?Sized>(
    mem: &M,
    root: Pfn,
    page: Vpn,
    pte: Pte,
    stock: &mut TableStock,
) -> Result<(), MapError> {
    if !pte.is_present() || pte.is_large() {
        return Err(MapError::BadEntry);
    }
    if !is_canonical(page) {
        return Err(MapError::NotCanonical);
    }
    if missing_tables(mem, root, page) > stock.len() {
        return Err(MapError::NoTable);
    }
    let table = table_for(mem, root, page, 1, pte.is_user(), stock)?;
    install(mem.entry(table, page.table_index(1)), pte)
}

/// The level-1 table in which the entry of `page` stands, mapped or not. `None`: tables are missing, a large page is in the way, or the page is not
/// canonical. What was found stays true as long as the space lives, for tables are freed only with it; so no lock is needed.
#[inline]
pub fn leaf_table<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<Pfn> {
    let at = descend(mem, root, page, 1);
    (at.level == 1 && is_canonical(page)).then_some(at.table)
}

/// Maps `page` as `pte` says into `table`, which [`leaf_table`] has found. Needs no memory, no walk and no lock: an entry goes from empty to present in
/// one step, and whoever has the lock leaves empty entries as they are. That the page has a frame to be shown meanwhile is the caller's to see to.
///
/// # Errors
/// [`MapError::AlreadyMapped`], [`MapError::BadEntry`].
#[inline]
pub fn map_in<M: TableMemory + ?Sized>(mem: &M, table: Pfn, page: Vpn, pte: Pte) -> Result<(), MapError> {
    if !pte.is_present() || pte.is_large() {
        return Err(MapError::BadEntry);
    }
    install(mem.entry(table, page.table_index(1)), pte)
}

/// Makes the entry of `page` in `table`, which [`leaf_table`] has found, what `pte` says, whatever it was, and returns what was mapped there with its final
/// accessed and dirty bits. `pte` is a 4-KiB leaf. Under the page-table lock.
#[inline]
pub fn replace_in<M: TableMemory + ?Sized>(mem: &M, table: Pfn, page: Vpn, pte: Pte) -> Option<Pte> {
    debug_assert!(pte.is_present() && !pte.is_large());
    let entry = mem.entry(table, page.table_index(1));
    // One swap: as in `unmap`, no dirty bit is lost; Release: as in `install`.
    let old = Pte(if mutant!("torn_replace") {
        let old = entry.load(Ordering::Acquire);
        entry.store(pte.0, Ordering::Release);
        old
    } else {
        entry.swap(pte.0, Ordering::AcqRel)
    });
    old.is_present().then_some(old)
}

/// How many tables mapping `page` would need: 0..=3. 0 also where a large page is in the way. Without the lock this is a
/// hint that can only become too large, because tables are freed only with the whole space.
pub fn missing_tables<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> usize {
    let at = descend(mem, root, page, 1);
    match step(load(mem.entry(at.table, page.table_index(at.level))), at.level) {
        Step::Leaf(_) => 0,
        Step::Empty | Step::Table(_) => usize::from(at.level - 1),
    }
}

/// The table of level `target` on the way to `page`, making missing ones from `stock`. `user`: a user page will be below.
pub(crate) fn table_for<M: TableMemory + ?Sized>(
    mem: &M,
    root: Pfn,
    page: Vpn,
    target: u8,
    user: bool,
    stock: &mut TableStock,
) -> Result<Pfn, MapError> {
    let mut table = root;
    for level in (target + 1..=ROOT_LEVEL).rev() {
        let entry = mem.entry(table, page.table_index(level));
        table = match step(load(entry), level) {
            Step::Table(next) => {
                if user {
                    admit_user(entry);
                }
                next
            }
            Step::Leaf(_) => return Err(MapError::LargePage),
            Step::Empty => {
                let next = stock.take().ok_or(MapError::NoTable)?;
                link(entry, next, user);
                next
            }
        };
    }
    Ok(table)
}

/// Puts a leaf into an entry that must be empty.
#[inline]
pub(crate) fn install(entry: &AtomicU64, pte: Pte) -> Result<(), MapError> {
    // Release: the page's content comes before the entry that shows it. Partners: the hardware walk of every CPU, and `load`.
    // Acquire on failure: the entry found is handed to the caller, who may follow it. One step, because `map_in` is called without the lock.
    let order = if mutant!("install_relaxed") { Ordering::Relaxed } else { Ordering::Release };
    if mutant!("torn_install") {
        let found = entry.load(Ordering::Acquire);
        if found == Pte::EMPTY.0 {
            entry.store(pte.0, order);
            return Ok(());
        }
        return Err(MapError::AlreadyMapped(Pte(found)));
    }
    match entry.compare_exchange(Pte::EMPTY.0, pte.0, order, Ordering::Acquire) {
        Ok(_) => Ok(()),
        Err(found) => Err(MapError::AlreadyMapped(Pte(found))),
    }
}
