//! [`MsiX`]: message-signalled interrupts, which need neither interrupt lines nor ACPI to be routed.
//!
//! Source: PCI Local Bus Specification 3.0, 6.8.2; message format: Intel SDM vol. 3A, 11.11.

use crate::{Address, ConfigSpace, Place, capabilities};

const ID: u8 = 0x11;
/// Bits of the message-control register, which is the upper half of the capability's first word.
const ENABLE: u32 = 1 << 31;
const MASK_ALL: u32 = 1 << 30;

/// A function's MSI-X capability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsiX {
    /// Where in configuration space it begins.
    offset: u8,
    /// Entries of its table.
    pub entries: u16,
    /// Its table.
    pub table: Place,
}

impl MsiX {
    /// Bytes of a table entry: message address (two words), message data, control (bit 0 masks).
    pub const ENTRY: u32 = 16;

    /// Reads the capability; `None` if the function has none.
    pub fn find(config: &impl ConfigSpace, at: Address) -> Option<Self> {
        let found = capabilities(config, at).find(|c| c.id == ID && c.offset <= 0xf4)?;
        let entries = (found.header >> 16 & 0x7ff) as u16 + 1;
        let place = config.read(at, found.offset + 4);
        let table =
            Place { bar: (place & 7) as u8, offset: place & !7, len: u32::from(entries) * Self::ENTRY };
        Some(Self { offset: found.offset, entries, table })
    }

    /// Lets the function send its messages. The table must be filled in.
    pub fn enable(&self, config: &impl ConfigSpace, at: Address) {
        let control = config.read(at, self.offset);
        config.write(at, self.offset, (control | ENABLE) & !MASK_ALL);
    }

    /// The words of a table entry that interrupts the processor with local APIC number `apic` at `vector`: edge-triggered, fixed.
    pub fn message(apic: u8, vector: u8) -> [u32; 4] {
        [0xfee0_0000 | u32::from(apic) << 12, 0, u32::from(vector), 0]
    }
}
