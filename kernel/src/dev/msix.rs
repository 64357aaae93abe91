//! Routes a function's first MSI-X message to a vector of the boot processor.

use super::pci::{self, Config};
use crate::ipi;
use crate::irq::Vector;
use fl_addr::CpuId;
use fl_pci::{Address, MsiX, Place, command, set_command};

/// Makes message 0 of the function arrive at `vector` on the boot processor. False: it has no MSI-X, or its table cannot be reached.
pub fn route(at: Address, vector: &Vector) -> bool {
    let Some(msix) = MsiX::find(&Config, at) else { return false };
    let entry = Place { len: MsiX::ENTRY, ..msix.table };
    let Ok(table) = pci::map(at, &entry) else { return false };
    let message = MsiX::message(ipi::address(CpuId(0)), vector.number());
    // The control word, which unmasks, is the last: the message is whole by then.
    for (n, word) in message.into_iter().enumerate() {
        // SAFETY: the mapped table has at least one entry of four words, aligned; only this driver uses the function.
        unsafe { (table.0 as *mut u32).add(n).write_volatile(word) };
    }
    msix.enable(&Config, at);
    set_command(&Config, at, command::NO_INTX, 0);
    true
}
