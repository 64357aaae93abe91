//! Reads the ACPI tables the firmware left: the root pointer and the MADT.

use super::memory;
use fl_addr::PhysAddr;
use loader::acpi::{self, Madt, Rsdp};
use loader::memory_map::Span;

/// The BIOS data area's word with the segment of the extended BIOS data area.
const EBDA_SEGMENT: u64 = 0x40e;
/// Where the root pointer may lie, besides the first KiB of the extended BIOS data area (ACPI 6.4, 5.2.5.1).
const BIOS_ROM: Span = Span::new(0xe_0000, 0x10_0000);

/// What was found; nothing, on a machine without ACPI.
pub struct Acpi {
    rsdp: Option<Rsdp>,
    madt: Option<Madt<'static>>,
}

impl Acpi {
    /// Physical address of the root pointer.
    pub fn rsdp(&self) -> Option<PhysAddr> {
        self.rsdp.map(|r| r.addr)
    }
    /// The table of processors and I/O APICs.
    pub fn madt(&self) -> Option<Madt<'static>> {
        self.madt
    }
}

/// Looks in the places where a BIOS puts the root pointer, and follows it.
pub fn find() -> Acpi {
    let ebda = read(Span::new(EBDA_SEGMENT, EBDA_SEGMENT + 2))
        .map_or(0, |b| u64::from(b[0]) << 4 | u64::from(b[1]) << 12);
    let areas = [Span::new(ebda, ebda + 1024), BIOS_ROM];
    let rsdp = areas.into_iter().find_map(|area| Rsdp::find(read(area)?, area.start));
    Acpi { rsdp, madt: rsdp.and_then(madt) }
}

fn madt(rsdp: Rsdp) -> Option<Madt<'static>> {
    let root = table(rsdp.root)?;
    let mut tables = acpi::table_addresses(root, rsdp.entry_size).filter_map(table);
    tables.find(|t| t.starts_with(&acpi::MADT)).map(Madt)
}

/// A whole table, by its own length.
fn table(addr: PhysAddr) -> Option<&'static [u8]> {
    let span = |length: usize| Some(Span::new(addr.0, addr.0.checked_add(length as u64)?));
    let header = read(span(acpi::HEADER_SIZE)?)?;
    read(span(acpi::table_length(header)?)?)
}

fn read(span: Span) -> Option<&'static [u8]> {
    // SAFETY: 1. firmware tables and BIOS areas are memory without side effects; 2. the firmware no longer
    // runs, and the pool has only usable RAM, where they do not lie.
    unsafe { memory::bytes(span) }
}
