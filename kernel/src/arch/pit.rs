//! The 8254 interval timer: to measure how fast the time-stamp counter and the APIC timer run, and as a beat that does not hang on either.

use super::cpu::tsc;
use x86_64::instructions::port::Port;

/// Its input clock in Hz (Intel 8254 data sheet; 14.31818 MHz / 12).
const CLOCK_HZ: u64 = 1_193_182;
/// How long a measurement lasts, in its ticks: 10 ms. The counter wraps after 55 ms.
const WINDOW: u16 = (CLOCK_HZ / 100) as u16;
/// Readings tried at each end of the window; the one in the tightest bracket counts. A host that takes the processor away
/// in the middle of one reading spoils that one only.
const TRIES: u32 = 8;

/// One reading of the timer and, at the same moment, of the counters to be measured.
struct Reading<T> {
    pit: u16,
    other: T,
    /// Time-stamp counter ticks that the reading took.
    bracket: u64,
}

/// Ticks of its clock in the longest period that a channel can have, 55 ms.
const LONGEST: u64 = 1 << 16;
/// Bits of port 0x61 that tell of errors of memory, bus or devices, which come as non-maskable interrupts (ISA: SERR#, IOCHK#).
const ERRORS: u8 = 0b1100_0000;

/// Has channel 0 beat as slowly as it can. How many ticks of a clock of `hz` that is apart.
pub fn start_beat(hz: u64) -> u64 {
    // SAFETY: the standard PC timer ports; channel 0 interrupts, and both 8259s are masked. Low then high byte, mode 2, from 65536.
    unsafe {
        Port::<u8>::new(0x43).write(0b0011_0100);
        Port::<u8>::new(0x40).write(0);
        Port::<u8>::new(0x40).write(0);
    }
    hz * LONGEST / CLOCK_HZ
}

/// Whether the machine has an error to tell of: then a non-maskable interrupt may be for that.
pub fn has_error() -> bool {
    // SAFETY: reading the port changes nothing.
    unsafe { Port::<u8>::new(0x61).read() & ERRORS != 0 }
}

/// Samples `counters` at two moments about 10 ms apart.
pub fn measure<T>(mut counters: impl FnMut() -> T) -> Measurement<T> {
    let (mut gate, mut command, mut channel2) =
        (Port::<u8>::new(0x61), Port::<u8>::new(0x43), Port::<u8>::new(0x42));
    // SAFETY: the standard PC timer ports; channel 2 drives only the speaker, which bit 1 of port 0x61 keeps off.
    let mut latch = || unsafe {
        command.write(0b1000_0000); // latch channel 2
        u16::from(channel2.read()) | u16::from(channel2.read()) << 8
    };
    // SAFETY: as above. Channel 2, low then high byte, mode 2: it counts 65536 down to 1 and starts over.
    let old = unsafe {
        let old = gate.read();
        gate.write((old & !2) | 1);
        Port::<u8>::new(0x43).write(0b1011_0100);
        Port::<u8>::new(0x42).write(0);
        Port::<u8>::new(0x42).write(0);
        old
    };
    let mut best = || {
        let mut best = read(&mut latch, &mut counters);
        for _ in 1..TRIES {
            let next = read(&mut latch, &mut counters);
            if next.bracket < best.bracket {
                best = next;
            }
        }
        best
    };
    let start = best();
    let end = loop {
        let now = best();
        if start.pit.wrapping_sub(now.pit) >= WINDOW {
            break now;
        }
        core::hint::spin_loop();
    };
    // SAFETY: as above.
    unsafe { gate.write(old) };
    Measurement { ticks: u64::from(start.pit.wrapping_sub(end.pit)), start: start.other, end: end.other }
}

fn read<T>(latch: &mut impl FnMut() -> u16, counters: &mut impl FnMut() -> T) -> Reading<T> {
    let before = tsc();
    let pit = latch();
    let other = counters();
    Reading { pit, other, bracket: tsc() - before }
}

/// Two samples and the time between them.
pub struct Measurement<T> {
    /// At the start.
    pub start: T,
    /// At the end.
    pub end: T,
    ticks: u64,
}

impl<T> Measurement<T> {
    /// The rate in Hz of a counter that advanced by `count` in between.
    pub fn hz(&self, count: u64) -> u64 {
        count * CLOCK_HZ / self.ticks
    }
}
