//! PCI by port I/O: configuration space for `fl_pci` and for crate `virtio-drivers`, and registers mapped where the kernel can use them.

use crate::arch::pci_ports;
use crate::mm::mmio;
use crate::sync::{LockClass, SpinLock};
use alloc::vec::Vec;
use core::fmt;
use fl_addr::VirtAddr;
use fl_paging::RangeError;
use fl_pci::{Address, BarError, ConfigSpace, Function, Place};
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

/// The two ports are one resource.
static TURN: SpinLock<()> = SpinLock::new(LockClass::PciPorts, ());

/// The machine's configuration space.
#[derive(Clone, Copy)]
pub struct Config;

impl ConfigSpace for Config {
    fn read(&self, at: Address, offset: u8) -> u32 {
        let _turn = TURN.lock();
        pci_ports::read(at, offset)
    }
    fn write(&self, at: Address, offset: u8, value: u32) {
        let _turn = TURN.lock();
        // SAFETY: only the drivers below `dev` write here. They let a function access memory (bus master) when it has been
        // given none but their own, and while they hold its queues.
        unsafe { pci_ports::write(at, offset, value) };
    }
}

impl ConfigurationAccess for Config {
    fn read_word(&self, at: DeviceFunction, offset: u8) -> u32 {
        self.read(Address { bus: at.bus, device: at.device, function: at.function }, offset)
    }
    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        self.write(Address { bus: at.bus, device: at.device, function: at.function }, offset, value);
    }
    unsafe fn unsafe_clone(&self) -> Self {
        Self
    }
}

/// Calls `f` for every function.
pub fn functions(f: impl FnMut(&Function)) {
    let mut all = Vec::new();
    fl_pci::scan(&Config, |function| all.push(function));
    all.iter().for_each(f);
}

/// Why a structure of a device cannot be reached.
#[derive(Debug)]
pub enum MapError {
    /// The device or the firmware: where it should be.
    Bar(BarError),
    /// The kernel: no memory for page tables, or an address beyond what it maps.
    Range(RangeError),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bar(e) => e.fmt(f),
            Self::Range(e) => e.fmt(f),
        }
    }
}

/// Maps a structure of a function, uncached. The function does not answer for a moment: it must not be in use.
pub fn map(at: Address, place: &Place) -> Result<VirtAddr, MapError> {
    let start = place.locate(&Config, at).map_err(MapError::Bar)?;
    mmio::map(start, place.len.into()).map_err(MapError::Range)
}
