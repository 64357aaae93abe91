//! The I/O APIC, used for one thing: to have the interval timer interrupt a processor in a way that cannot be masked (Intel 82093AA data sheet, chapter 3).
//!
//! Devices do without it: theirs are messages, or nobody waits for them.

use super::apic;
use fl_addr::PhysAddr;

/// Where the first one's registers are on every PC (MultiProcessor Specification 1.4, 3.6.5), and how many bytes.
pub const REGISTERS: (PhysAddr, u64) = (PhysAddr(0xfec0_0000), 0x20);
/// Its input to which the 8254's channel 0 is wired on every PC whose firmware says nothing else (ACPI 6.5, 5.2.12.5).
const TIMER_PIN: u32 = 2;

/// Byte offsets: which register, and its value.
const SELECT: u64 = 0;
const WINDOW: u64 = 0x10;
/// Registers.
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
/// Redirection entry, low half: edge-triggered, to one processor by its number, as a non-maskable interrupt.
const NMI: u32 = 0b100 << 8;

/// Nothing that looks like an I/O APIC is there.
#[derive(Debug)]
pub struct NoIoApic;

/// From now on each beat of the 8254's channel 0 is a non-maskable interrupt of this processor.
///
/// # Safety
///
/// `mapped` must be an uncached mapping of [`REGISTERS`]. Nobody else uses them.
pub unsafe fn timer_to_nmi(mapped: u64) -> Result<(), NoIoApic> {
    let (select, window) = ((mapped + SELECT) as *mut u32, (mapped + WINDOW) as *mut u32);
    // SAFETY: by contract; the two registers are 32 bits wide and may be accessed at any time.
    let read = |register| unsafe {
        select.write_volatile(register);
        window.read_volatile()
    };
    // SAFETY: as above.
    let write = |register, value| unsafe {
        select.write_volatile(register);
        window.write_volatile(value);
    };
    let version = read(VERSION);
    // An 82093AA says 0x11, later ones 0x20; where there is nothing all bits are set, or none.
    let (model, last_pin) = (version & 0xff, version >> 16 & 0xff);
    if !(0x10..0x30).contains(&model) || last_pin < TIMER_PIN {
        return Err(NoIoApic);
    }
    let entry = REDIRECTION + 2 * TIMER_PIN;
    write(entry + 1, u32::from(apic::id()) << 24);
    write(entry, NMI);
    Ok(())
}
