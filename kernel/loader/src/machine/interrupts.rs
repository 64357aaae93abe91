//! Masks both interrupt controllers' pins, so that nothing interrupts the kernel before it is ready.

use super::acpi::Acpi;
use super::port::outb;
use fl_addr::PhysAddr;
use loader::acpi::MadtEntry;
use loader::hhdm::FOUR_GIB;

/// Interrupt mask registers of the two 8259s.
const PIC_MASKS: [u16; 2] = [0x21, 0xa1];
/// I/O APIC registers (Intel 82093AA, 3.1): the selector at 0, the selected register at 16.
const SELECTED: u64 = 16;
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const MASKED: u32 = 1 << 16;

/// Masks the 8259s and every I/O APIC in the MADT.
pub fn mask(acpi: &Acpi) {
    for port in PIC_MASKS {
        // SAFETY: masking interrupts that are off anyway; no DMA.
        unsafe { outb(port, 0xff) };
    }
    let Some(madt) = acpi.madt() else { return };
    for entry in madt.entries() {
        if let MadtEntry::IoApic(registers) = entry
            && registers.0 < FOUR_GIB
        {
            mask_io_apic(registers);
        }
    }
}

fn mask_io_apic(registers: PhysAddr) {
    let (select, data) = (registers.0 as *mut u32, (registers.0 + SELECTED) as *mut u32);
    let update = |register: u32, change: &dyn Fn(u32) -> Option<u32>| {
        // SAFETY: the MADT says that an I/O APIC's registers are there, they are identity-mapped, and nobody
        // else uses them now.
        unsafe {
            select.write_volatile(register);
            let old = data.read_volatile();
            if let Some(new) = change(old) {
                data.write_volatile(new);
            }
            old
        }
    };
    let last = update(VERSION, &|_| None) >> 16 & 0xff;
    for pin in 0..=last {
        update(REDIRECTION + 2 * pin, &|low| Some(low | MASKED));
    }
}
