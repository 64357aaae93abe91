//! PCI configuration space by its two ports: address, then data (PCI Local Bus Specification 3.0, 3.2.2.3.2).

use fl_pci::Address;
use x86_64::instructions::port::Port;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

fn select(at: Address, offset: u8) {
    let place = u32::from(at.bus) << 16
        | u32::from(at.device) << 11
        | u32::from(at.function) << 8
        | u32::from(offset & !3);
    // SAFETY: the address port of the host bridge; writing it only selects what the data port shows.
    unsafe { Port::<u32>::new(ADDRESS).write(ENABLE | place) };
}

/// The word at `offset` of a function. The two ports are one resource: the caller holds its lock, interrupts off.
pub fn read(at: Address, offset: u8) -> u32 {
    select(at, offset);
    // SAFETY: configuration reads have no effect on memory; of what does not exist they return all ones.
    unsafe { Port::<u32>::new(DATA).read() }
}

/// Writes the word at `offset` of a function. As in [`read`].
///
/// # Safety
///
/// The function must not be made to access memory that is not given to it.
pub unsafe fn write(at: Address, offset: u8, value: u32) {
    select(at, offset);
    // SAFETY: by this function's contract.
    unsafe { Port::<u32>::new(DATA).write(value) };
}
