//! A beat that cannot be masked: the interval timer, by way of the I/O APIC.

use crate::arch::{ioapic, pit};
use crate::mm::mmio;
use crate::time;

/// There is no I/O APIC, or no room to map it.
#[derive(Debug)]
pub struct NoBeat;

/// From now on this CPU gets a non-maskable interrupt at each beat of the interval timer. How many ticks of the time-stamp counter two are apart. Once, on the
/// boot processor.
///
/// # Errors
/// None will come.
pub fn start() -> Result<u64, NoBeat> {
    let (registers, len) = ioapic::REGISTERS;
    let mapped = mmio::map(registers, len).map_err(|_| NoBeat)?;
    // SAFETY: just mapped, uncached; nobody else drives it.
    unsafe { ioapic::timer_to_nmi(mapped.0) }.map_err(|_| NoBeat)?;
    Ok(pit::start_beat(time::tsc_hz()))
}
