//! Time: the calibrated time-stamp counter, and the periodic tick that preempts.

use crate::arch::{apic, cpu, pit};
use crate::sync::Once;

/// Timer interrupts per second.
pub const TICK_HZ: u64 = 1000;

/// How fast the counters run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time-stamp counter ticks per second.
    pub tsc_hz: u64,
    /// Time-stamp counter when the kernel began.
    pub tsc_boot: u64,
    /// Ticks of the APIC timer per timer interrupt.
    apic_period: u32,
}

static CLOCK: Once<Clock> = Once::new();

/// Measures both counters against the PIT (10 ms). The APIC must be initialised.
pub fn calibrate(tsc_boot: u64) -> Clock {
    *CLOCK.call_once(|| {
        apic::start_counting();
        let m = pit::measure(|| (cpu::tsc(), apic::counted()));
        let tsc_hz = m.hz(m.end.0 - m.start.0);
        let apic_hz = m.hz(u64::from(m.end.1 - m.start.1));
        Clock { tsc_hz, tsc_boot, apic_period: (apic_hz / TICK_HZ) as u32 }
    })
}

/// Time-stamp counter ticks per second; 1 GHz, as good a guess as any, before calibration.
pub fn tsc_hz() -> u64 {
    CLOCK.get().map_or(1_000_000_000, |clock| clock.tsc_hz)
}

/// Starts this CPU's tick.
pub fn start_tick() {
    apic::start_periodic(clock().apic_period);
}

/// The clock. Panics before [`calibrate`].
pub fn clock() -> &'static Clock {
    CLOCK.get().expect("the clock is calibrated early in boot")
}

/// Microseconds since the kernel began; 0 before calibration.
pub fn micros() -> u64 {
    CLOCK
        .get()
        .map_or(0, |c| (u128::from(cpu::ticks_since(c.tsc_boot)) * 1_000_000 / u128::from(c.tsc_hz)) as u64)
}
