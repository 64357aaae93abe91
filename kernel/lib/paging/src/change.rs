//! Changing a 4-KiB mapping that exists: [`unmap`], [`protect`], [`clear_accessed`].
//!
//! All are atomic against the CPU, which sets accessed and dirty bits at any time: no bit that it set is ever lost. None flushes
//! a TLB; until the caller has flushed, other CPUs may use the old translation, and even set its dirty bit.

use crate::walk::leaf_entry;
use crate::{Pte, PteFlags, TableMemory};
use fl_addr::{Pfn, Vpn};
use fl_model::{AtomicU64, Ordering, mutant};

/// Removes the mapping of `page` and returns it with the final accessed and dirty bits. `None` if no 4-KiB page is mapped
/// there; a large page is left alone. Tables stay. Under the page-table lock.
#[inline]
pub fn unmap<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<Pte> {
    empty(leaf_entry(mem, root, page)?)
}

/// As [`unmap`], of an entry in `table`, which [`leaf_table`](crate::leaf_table) has found. Needs no walk.
#[inline]
pub fn unmap_in<M: TableMemory + ?Sized>(mem: &M, table: Pfn, page: Vpn) -> Option<Pte> {
    empty(mem.entry(table, page.table_index(1)))
}

#[inline]
fn empty(entry: &AtomicU64) -> Option<Pte> {
    // One swap, not load and store: a dirty bit set between the two would be lost. AcqRel: the old entry is acquired
    // (partner: the Release that installed it), and what this CPU did to the page before comes before the empty entry
    // (partner: the Acquire of a later `install` or `load`). The shootdown adds its own SeqCst fence.
    let old = Pte(if mutant!("torn_unmap") {
        torn(entry, |_| Pte::EMPTY.0)
    } else {
        entry.swap(Pte::EMPTY.0, Ordering::AcqRel)
    });
    old.is_present().then_some(old)
}

/// Sets the rights of `page` (WRITE, NX, and the memory type) to those in `flags` and returns the entry as it was. Keeps its frame, what the
/// CPU recorded, and whether it is a user page: other flags are ignored. `None` if no 4-KiB page is mapped there. Under the
/// page-table lock.
#[inline]
pub fn protect<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn, flags: PteFlags) -> Option<Pte> {
    const SET: PteFlags = PteFlags::WRITE.union(PteFlags::NX).union(PteFlags::PWT).union(PteFlags::PCD);
    let entry = leaf_entry(mem, root, page)?;
    // AcqRel / Acquire: as in `unmap`. The loop repeats only when the CPU set a bit in between.
    let rights = |now| Pte(now).with_flags(Pte(now).flags().difference(SET) | flags.intersection(SET)).0;
    if mutant!("torn_protect") {
        return Some(Pte(torn(entry, rights)));
    }
    let old = entry
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Pte(now).is_present().then(|| rights(now)));
    old.ok().map(Pte)
}

/// Gives the right to write to `page` and marks it accessed and dirty, as the processor would at the store that comes next. False, and nothing is
/// changed, if no 4-KiB page is mapped there. Under the page-table lock.
#[inline]
pub fn allow_write<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> bool {
    let Some(entry) = leaf_entry(mem, root, page) else { return false };
    // A present entry stays present, which the lock guarantees against other writers; the CPU only sets bits of it. An empty one, which may be filled at any time
    // (`map_in`), was found so. Release: as in `install`.
    let mapped = Pte(entry.load(Ordering::Relaxed)).is_present();
    if mapped {
        entry.fetch_or((PteFlags::WRITE | PteFlags::ACCESSED | PteFlags::DIRTY).bits(), Ordering::Release);
    }
    mapped
}

/// Takes the right to write to `page`, whose entry stands in `table`, which [`leaf_table`](crate::leaf_table) has found, away and returns the entry as it was. `None` if
/// no 4-KiB page is mapped there. Under the page-table lock.
#[inline]
pub fn write_protect_in<M: TableMemory + ?Sized>(mem: &M, table: Pfn, page: Vpn) -> Option<Pte> {
    let entry = mem.entry(table, page.table_index(1));
    let mask = !PteFlags::WRITE.bits();
    // One step, AcqRel: as in `unmap`. Of an empty entry nothing is changed.
    let old = Pte(if mutant!("torn_write_protect") {
        torn(entry, |now| now & mask)
    } else {
        entry.fetch_and(mask, Ordering::AcqRel)
    });
    old.is_present().then_some(old)
}

/// Sets the accessed and dirty bits among `flags` in the entry of `page`, as the processor would. Nothing if no 4-KiB page is mapped there.
/// Under the page-table lock.
#[inline]
pub fn mark<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn, flags: PteFlags) {
    let Some(entry) = leaf_entry(mem, root, page) else { return };
    let bits = (flags & (PteFlags::ACCESSED | PteFlags::DIRTY)).bits();
    // Relaxed: as in `clear_accessed`. A present entry stays present, as in `allow_write`.
    if Pte(entry.load(Ordering::Relaxed)).is_present() {
        entry.fetch_or(bits, Ordering::Relaxed);
    }
}

/// Clears the accessed bit of `page` and tells whether it was set: [`take_accessed`] of nothing else.
#[inline]
pub fn clear_accessed<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<bool> {
    take_accessed(mem, root, page).map(|old| old.is_accessed())
}

/// Clears the accessed bit of `page` and returns the entry as it was. `None` if no 4-KiB page is mapped there. The CPU does not set the
/// bit again while it has the translation cached: only after a flush does a clear bit mean "not used". Under the page-table lock.
#[inline]
pub fn take_accessed<M: TableMemory + ?Sized>(mem: &M, root: Pfn, page: Vpn) -> Option<Pte> {
    let entry = leaf_entry(mem, root, page)?;
    // Relaxed: the bit is a statistic of the CPU's and publishes nothing; the flush that follows orders it. Clearing a
    // bit of an empty entry changes nothing.
    let mask = !PteFlags::ACCESSED.bits();
    let old = Pte(if mutant!("torn_clear") {
        torn(entry, |now| now & mask)
    } else {
        entry.fetch_and(mask, Ordering::Relaxed)
    });
    old.is_present().then_some(old)
}

/// What the mutants do instead of one atomic step.
fn torn(entry: &AtomicU64, change: impl Fn(u64) -> u64) -> u64 {
    let old = entry.load(Ordering::Acquire);
    entry.store(change(old), Ordering::Release);
    old
}
