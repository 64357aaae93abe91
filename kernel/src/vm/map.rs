//! Showing a resident page to the processor.

use crate::mm::page_table::SpaceTable;
use crate::reclaim::{NoMemory, Tables};
use fl_addr::{Pfn, Vpn};
use fl_paging::{MapError, Pte, PteFlags};
use fl_vmcore::{Access, Prot};

/// Installs the entry of a page that is pinned in `frame`: accessed, and dirty on a write, because the access will be repeated at once.
///
/// True: it was not mapped before. Nothing is flushed then: an absent entry is not cached (Intel SDM vol. 3A, 4.10.2.3). Where it was mapped
/// to that frame, it gets these rights instead; more rights need a flush here only, for a processor that has fewer faults and looks again.
#[inline]
pub fn map(
    table: &SpaceTable,
    vpn: Vpn,
    frame: Pfn,
    prot: Prot,
    access: Access,
    tables: &mut Tables,
) -> Result<bool, NoMemory> {
    let pte = entry(frame, prot, access);
    match tables.map(table, vpn, pte) {
        Ok(()) => Ok(true),
        Err(error) => map_again(table, vpn, pte, error),
    }
}

/// What is left to do when the entry could not be filled.
#[cold]
#[inline(never)]
fn map_again(table: &SpaceTable, vpn: Vpn, pte: Pte, error: MapError) -> Result<bool, NoMemory> {
    match error {
        MapError::AlreadyMapped(_) => {
            table.protect(vpn, pte.flags());
            Ok(false)
        }
        MapError::NoTable => Err(NoMemory),
        error => panic!("a user page cannot be mapped: {error}"),
    }
}

/// The entry that shows a page in `frame`: accessed, and dirty on a write.
#[inline]
pub(super) fn entry(frame: Pfn, prot: Prot, access: Access) -> Pte {
    let mut flags = PteFlags::PRESENT | PteFlags::USER | PteFlags::ACCESSED;
    flags.set(PteFlags::WRITE, prot.write);
    flags.set(PteFlags::NX, !prot.exec);
    flags.set(PteFlags::DIRTY, access == Access::Write);
    Pte::new(frame, flags)
}
