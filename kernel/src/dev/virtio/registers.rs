//! Registers of a virtio function that crate `virtio-drivers` does not offer: message vectors, doorbells, and a reset that ends.
//!
//! Source: virtio 1.1, 4.1.4.3 (common configuration), 4.1.4.4 (notification).

use crate::dev::pci::{self, Config, MapError};
use fl_addr::VirtAddr;
use fl_pci::{Address, VirtioPlaces, command, set_command};

/// Offsets in the common configuration, in bytes.
mod reg {
    pub const CONFIG_VECTOR: u64 = 0x10;
    pub const STATUS: u64 = 0x14;
    pub const QUEUE_SELECT: u64 = 0x16;
    pub const QUEUE_VECTOR: u64 = 0x1a;
    pub const QUEUE_NOTIFY_OFF: u64 = 0x1e;
}
/// No message.
const NO_VECTOR: u16 = 0xffff;
/// Times the status is read until a reset is taken for refused.
const RESET_PATIENCE: u32 = 10_000;

/// The common configuration of one function, mapped.
pub struct Common {
    at: Address,
    registers: VirtAddr,
}

/// One queue's doorbell, mapped.
pub struct Doorbell(VirtAddr);

impl Common {
    /// Maps it. The function must not be in use.
    pub fn map(at: Address, places: &VirtioPlaces) -> Result<Self, MapError> {
        Ok(Self { at, registers: pci::map(at, &places.common)? })
    }

    fn read16(&self, offset: u64) -> u16 {
        // SAFETY: a mapping of the common configuration, long enough (`VirtioPlaces` saw to it); aligned as the structure is.
        unsafe { ((self.registers.0 + offset) as *const u16).read_volatile() }
    }

    fn write16(&self, offset: u64, value: u16) {
        // SAFETY: as in `read16`. None of the registers written here names memory.
        unsafe { ((self.registers.0 + offset) as *mut u16).write_volatile(value) };
    }

    /// Lets `queue` send MSI-X message 0, and changes of configuration none. False: the device has no room for it.
    pub fn set_message(&self, queue: u16) -> bool {
        self.write16(reg::CONFIG_VECTOR, NO_VECTOR);
        self.write16(reg::QUEUE_SELECT, queue);
        self.write16(reg::QUEUE_VECTOR, 0);
        self.read16(reg::QUEUE_VECTOR) == 0
    }

    /// Maps the doorbell of `queue`; `None` if the device says a place outside of its doorbells. The function must not be in use.
    pub fn doorbell(&self, places: &VirtioPlaces, queue: u16) -> Result<Option<Doorbell>, MapError> {
        self.write16(reg::QUEUE_SELECT, queue);
        let place = places.doorbell(self.read16(reg::QUEUE_NOTIFY_OFF));
        place.map(|p| pci::map(self.at, &p).map(Doorbell)).transpose()
    }

    /// Turns the device off: from now on it accesses no memory, whether it obeys, hangs, or is no longer there.
    pub fn turn_off(&self) {
        set_command(&Config, self.at, 0, command::BUS_MASTER);
        let status = (self.registers.0 + reg::STATUS) as *mut u8;
        // SAFETY: as in `read16`; 0 resets the device.
        unsafe { status.write_volatile(0) };
        for _ in 0..RESET_PATIENCE {
            // SAFETY: as in `read16`.
            match unsafe { status.read_volatile() } {
                0 | 0xff => return, // reset, or gone
                _ => core::hint::spin_loop(),
            }
        }
    }
}

impl Doorbell {
    /// Tells the device that there is something in `queue`.
    pub fn ring(&self, queue: u16) {
        // SAFETY: the mapped doorbell, two bytes long. The write makes the device look at its queue.
        unsafe { (self.0.0 as *mut u16).write_volatile(queue) };
    }
}
