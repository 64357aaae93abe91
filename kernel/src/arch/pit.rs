//! The 8254 interval timer, used once: to measure how fast the time-stamp counter and the APIC timer run.

use x86_64::instructions::port::Port;

/// Its input clock in Hz (Intel 8254 data sheet; 14.31818 MHz / 12).
const CLOCK_HZ: u64 = 1_193_182;
/// How long a measurement lasts, in its ticks: 10 ms.
const WINDOW: u16 = (CLOCK_HZ / 100) as u16;

/// Runs `start` and, 10 ms later, `end`; returns their results and the exact factor from the window to one second.
///
/// Channel 2 in mode 0 raises its output when the count is over; bit 5 of port 0x61 shows it.
pub fn measure<T>(mut sample: impl FnMut() -> T) -> Measurement<T> {
    let (mut gate, mut command, mut channel2) = (Port::<u8>::new(0x61), Port::<u8>::new(0x43), Port::<u8>::new(0x42));
    // SAFETY: the standard PC timer ports; channel 2 drives only the speaker, which bit 1 of port 0x61 keeps off.
    unsafe {
        let old = gate.read();
        gate.write(old & !2 & !1); // gate low: stopped
        command.write(0b1011_0000); // channel 2, low then high byte, mode 0
        channel2.write(WINDOW as u8);
        channel2.write((WINDOW >> 8) as u8);
        gate.write((old & !2) | 1); // gate high: it counts
        let start = sample();
        while gate.read() & 0x20 == 0 {
            core::hint::spin_loop();
        }
        let end = sample();
        gate.write(old);
        Measurement { start, end }
    }
}

/// Two samples taken one window apart.
pub struct Measurement<T> {
    /// At the start of the window.
    pub start: T,
    /// At its end.
    pub end: T,
}

impl<T> Measurement<T> {
    /// The rate in Hz of a counter that advanced by `ticks` in the window.
    pub fn hz(&self, ticks: u64) -> u64 {
        ticks * CLOCK_HZ / u64::from(WINDOW)
    }
}
