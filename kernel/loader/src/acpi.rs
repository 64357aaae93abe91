//! Finds ACPI tables and the processors they list, in bytes that the caller has read from memory.
//!
//! Key types: [`Rsdp`] (root pointer), [`table_addresses`] (root table), [`Madt`] (interrupt controllers).
//! Source: ACPI 6.4, 5.2. A table that makes no sense yields nothing: the kernel then runs on one processor.

use crate::le::{u8_at, u32_at, u64_at};
use fl_addr::PhysAddr;

/// Bytes of every table's common header; its length field is at byte 4.
pub const HEADER_SIZE: usize = 36;
/// Signature of the MADT.
pub const MADT: [u8; 4] = *b"APIC";

/// The root system description pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rsdp {
    /// Where it lies.
    pub addr: PhysAddr,
    /// The root table, RSDT or XSDT.
    pub root: PhysAddr,
    /// Bytes per entry of the root table: 4 (RSDT) or 8 (XSDT).
    pub entry_size: usize,
}

impl Rsdp {
    /// The first valid pointer in `area`, the memory at `start`; it stands at a multiple of 16 and its first
    /// 20 bytes sum to zero.
    pub fn find(area: &[u8], start: PhysAddr) -> Option<Self> {
        (0..area.len()).step_by(16).find_map(|offset| Self::parse(&area[offset..], start + offset as u64))
    }

    fn parse(bytes: &[u8], addr: PhysAddr) -> Option<Self> {
        let sum = |size| bytes.get(..size).map(|b| b.iter().fold(0u8, |sum, b| sum.wrapping_add(*b)));
        if !bytes.starts_with(b"RSD PTR ") || sum(20)? != 0 {
            return None;
        }
        let rsdt = Self { addr, root: PhysAddr(u32_at(bytes, 16)?.into()), entry_size: 4 };
        if u8_at(bytes, 15)? < 2 || sum(36) != Some(0) {
            return Some(rsdt);
        }
        match u64_at(bytes, 24)? {
            0 => Some(rsdt),
            xsdt => Some(Self { root: PhysAddr(xsdt), entry_size: 8, ..rsdt }),
        }
    }
}

/// The length in a table's header, in bytes; `None` if it is shorter than the header.
pub fn table_length(header: &[u8]) -> Option<usize> {
    u32_at(header, 4).map(|n| n as usize).filter(|&n| n >= HEADER_SIZE)
}

/// The tables that a whole root table lists.
pub fn table_addresses(root: &[u8], entry_size: usize) -> impl Iterator<Item = PhysAddr> {
    root.get(HEADER_SIZE..).unwrap_or_default().chunks_exact(entry_size).filter_map(move |entry| {
        match entry_size {
            4 => u32_at(entry, 0).map(|a| PhysAddr(a.into())),
            _ => u64_at(entry, 0).map(PhysAddr),
        }
    })
}

/// The multiple APIC description table, whole.
#[derive(Clone, Copy, Debug)]
pub struct Madt<'a>(pub &'a [u8]);

/// What a MADT entry says; other types are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadtEntry {
    /// An enabled processor with a local APIC.
    Processor {
        /// ACPI's number for it.
        acpi_id: u32,
        /// Its local APIC id.
        lapic_id: u32,
    },
    /// An I/O APIC and its registers' physical address.
    IoApic(PhysAddr),
}

impl<'a> Madt<'a> {
    /// Physical address of every processor's local APIC registers.
    pub fn local_apic(self) -> Option<PhysAddr> {
        u32_at(self.0, HEADER_SIZE).map(|a| PhysAddr(a.into()))
    }

    /// The entries of interest, up to the first that is cut off or has an impossible length.
    pub fn entries(self) -> impl Iterator<Item = MadtEntry> + use<'a> {
        let mut rest = self.0.get(HEADER_SIZE + 8..).unwrap_or_default();
        core::iter::from_fn(move || {
            let length = usize::from(u8_at(rest, 1)?);
            let entry = rest.get(..length).filter(|e| e.len() >= 2)?;
            rest = &rest[length..];
            Some(entry)
        })
        .filter_map(|entry| match entry[0] {
            0 if u32_at(entry, 4)? & 1 != 0 => Some(MadtEntry::Processor {
                acpi_id: u8_at(entry, 2)?.into(),
                lapic_id: u8_at(entry, 3)?.into(),
            }),
            1 => Some(MadtEntry::IoApic(PhysAddr(u32_at(entry, 4)?.into()))),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rsdp(revision: u8, rsdt: u32, xsdt: u64) -> Vec<u8> {
        let mut b =
            [&b"RSD PTR \0BOCHS "[..], &[revision], &rsdt.to_le_bytes(), &36u32.to_le_bytes()].concat();
        b.extend(xsdt.to_le_bytes());
        b.extend([0; 4]);
        b[8] = b[..20].iter().fold(0u8, |s, b| s.wrapping_sub(*b));
        b[32] = b.iter().fold(0u8, |s, b| s.wrapping_sub(*b));
        b
    }

    #[test]
    fn the_root_pointer_is_found_on_a_16_byte_boundary_and_its_sum_checked() {
        let mut area = vec![0; 256];
        area[64..100].copy_from_slice(&rsdp(0, 0x1234, 0));
        let found = Rsdp { addr: PhysAddr(0xe_0040), root: PhysAddr(0x1234), entry_size: 4 };
        assert_eq!(Rsdp::find(&area, PhysAddr(0xe_0000)), Some(found));
        area[70] ^= 1;
        assert_eq!(Rsdp::find(&area, PhysAddr(0xe_0000)), None);
        assert_eq!(Rsdp::find(&area[8..], PhysAddr(0)), None);
        assert_eq!(Rsdp::find(b"RSD PTR ", PhysAddr(0)), None);
    }

    #[test]
    fn revision_2_prefers_the_xsdt_unless_it_is_null() {
        let root = |b: &[u8]| Rsdp::find(b, PhysAddr(0)).map(|r| (r.root.0, r.entry_size));
        assert_eq!(root(&rsdp(2, 0x10, 0x20)), Some((0x20, 8)));
        assert_eq!(root(&rsdp(2, 0x10, 0)), Some((0x10, 4)));
        assert_eq!(root(&rsdp(0, 0x10, 0x20)), Some((0x10, 4)));
    }

    fn madt(entries: &[&[u8]]) -> Vec<u8> {
        let mut b = vec![0; HEADER_SIZE];
        b.extend(0xfee0_0000u32.to_le_bytes());
        b.extend([0; 4]);
        b.extend(entries.concat());
        b
    }

    #[test]
    fn disabled_processors_and_foreign_entries_are_skipped() {
        let table = madt(&[
            &[0, 8, 0, 0, 1, 0, 0, 0],
            &[2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
            &[0, 8, 1, 3, 0, 0, 0, 0],
            &[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
            &[0, 8, 2, 5, 1, 0, 0, 0],
        ]);
        assert_eq!(Madt(&table).local_apic(), Some(PhysAddr(0xfee0_0000)));
        let found: Vec<_> = Madt(&table).entries().collect();
        let expected = [
            MadtEntry::Processor { acpi_id: 0, lapic_id: 0 },
            MadtEntry::IoApic(PhysAddr(0xfec0_0000)),
            MadtEntry::Processor { acpi_id: 2, lapic_id: 5 },
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), wide in any::<bool>()) {
            prop_assert!(Madt(&bytes).entries().count() <= bytes.len() / 2);
            let entry_size = if wide { 8 } else { 4 };
            prop_assert!(table_addresses(&bytes, entry_size).count() <= bytes.len() / 4);
            Rsdp::find(&bytes, PhysAddr(0));
            table_length(&bytes);
        }
    }
}
