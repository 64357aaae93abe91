//! PCI configuration space as data: which functions there are, what they can do, where their registers lie.
//!
//! Everything goes through [`ConfigSpace`]: the kernel implements it with port I/O, the tests with a table. A device's answers are
//! allegations: lists are walked under a bound, regions are checked against the size of their base address register.
//! Source: PCI Local Bus Specification 3.0, chapter 6; virtio 1.1, 4.1.4.
#![no_std]
#![forbid(unsafe_code)]

mod bar;
mod capability;
mod msix;
mod scan;
mod virtio;

pub use bar::{Bar, BarError, Place, memory_bar};
pub use capability::{Capability, capabilities};
pub use msix::MsiX;
pub use scan::{Function, scan};
pub use virtio::VirtioPlaces;

use core::fmt;

/// Where a function sits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// Bus, 0..256.
    pub bus: u8,
    /// Device on the bus, 0..32.
    pub device: u8,
    /// Function of the device, 0..8.
    pub function: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// Access to the 256 bytes of configuration space that each function has, one aligned word at a time.
///
/// What does not exist reads as all ones.
pub trait ConfigSpace {
    /// The word at `offset`, a multiple of 4.
    fn read(&self, at: Address, offset: u8) -> u32;
    /// Writes the word at `offset`, a multiple of 4.
    fn write(&self, at: Address, offset: u8, value: u32);
}

/// Register offsets in bytes.
pub(crate) mod reg {
    pub const ID: u8 = 0x00;
    pub const COMMAND_STATUS: u8 = 0x04;
    pub const CLASS: u8 = 0x08;
    pub const HEADER_TYPE: u8 = 0x0c;
    pub const BAR0: u8 = 0x10;
    pub const BUSES: u8 = 0x18;
    pub const CAPABILITIES: u8 = 0x34;
}

/// Bits of the command register.
pub mod command {
    /// The function answers at its memory addresses.
    pub const MEMORY: u32 = 1 << 1;
    /// The function answers at its port addresses.
    pub const IO: u32 = 1 << 0;
    /// The function may access memory and send MSI-X messages by itself.
    pub const BUS_MASTER: u32 = 1 << 2;
    /// The function does not raise its interrupt line.
    pub const NO_INTX: u32 = 1 << 10;
}

/// Sets and clears bits of the command register.
pub fn set_command(config: &impl ConfigSpace, at: Address, set: u32, clear: u32) {
    // The upper half is the status register, whose bits are cleared by writing ones: zeros leave it alone.
    let command = config.read(at, reg::COMMAND_STATUS) & 0xffff;
    config.write(at, reg::COMMAND_STATUS, (command | set) & !clear);
}
