//! Time: the calibrated time-stamp counter, how those of the processors stand to each other, and the periodic tick that preempts.

use crate::arch::interrupts::IrqOff;
use crate::arch::{MAX_CPUS, apic, cpu, pit};
use crate::percpu;
use crate::sync::Once;
use core::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_trace::control::{CPUS_MAX, ClockOffset};

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

/// How far each processor's time-stamp counter is ahead of the boot processor's, and how uncertain that is. Relaxed: set before the processor counts as
/// online.
static OFFSETS: [(AtomicI64, AtomicU32); MAX_CPUS] =
    [const { (AtomicI64::new(0), AtomicU32::new(0)) }; MAX_CPUS];
const _: () = assert!(MAX_CPUS == CPUS_MAX, "a hello tells of every processor");

/// Says how the counter of a processor that is being started stands to the boot processor's.
pub fn set_offset(cpu: CpuId, offset: ClockOffset) {
    let (ahead, uncertainty) = &OFFSETS[usize::from(cpu.0)];
    ahead.store(offset.ahead, Relaxed);
    uncertainty.store(offset.uncertainty, Relaxed);
}

/// How `cpu`'s time-stamp counter stood to the boot processor's when it started.
pub fn offset(cpu: CpuId) -> ClockOffset {
    let (ahead, uncertainty) = &OFFSETS[usize::from(cpu.0)];
    ClockOffset { ahead: ahead.load(Relaxed), uncertainty: uncertainty.load(Relaxed) }
}

/// What the boot processor's time-stamp counter shows now, wherever this runs.
pub fn common_tsc() -> u64 {
    let irq = IrqOff::new();
    let correction = offset(percpu::this_cpu(&irq)).correction();
    cpu::tsc().saturating_add_signed(correction.saturating_neg())
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
