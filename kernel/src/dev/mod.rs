//! Devices: PCI, the virtio transport, disks ([`block`]), the virtio console that may carry the trace ([`console`]), and the watchdog's [`beat`].
//!
//! [`init`] finds them once, at boot. A device that does not work is told in the log and left out; nothing here panics over hardware.

pub mod beat;
pub mod block;
pub mod console;
mod hal;
mod msix;
mod pci;
mod virtio;

use alloc::vec::Vec;
use block::BlockDevice;

/// Finds the disks: virtio disks in the order of the PCI bus, then the RAM disk that the bootloader brought. Once, from a thread.
pub fn init() {
    let mut disks: Vec<&'static dyn BlockDevice> = Vec::new();
    pci::functions(|function| {
        if let Some(disk) = block::virtio::probe(function) {
            disks.push(block::faulty::guard(disk));
        }
    });
    disks.extend(block::ramdisk::probe().map(block::faulty::guard));
    block::set_disks(disks);
}
