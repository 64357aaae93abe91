//! Starting the other processors: one after the other, before the first thread runs anywhere. They halt until the devices are set up ([`go`]), and
//! join in then.
//!
//! The boot processor measures how far apart the time-stamp counters are, because the trace puts events of different processors in order by them.

use crate::arch::boot::{self, Parked};
use crate::arch::cpu::{self, ticks_since, tsc};
use crate::arch::interrupts::{self, IrqOff};
use crate::arch::{MAX_CPUS, apic, power};
use crate::mm::{frames, page_table};
use crate::{ipi, percpu, sched, time};
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use fl_addr::CpuId;

/// Milliseconds in which a processor must show up, or it is left alone.
const PATIENCE_MS: u64 = 1000;
/// Readings of a processor's time-stamp counter; the one that took least time counts.
const READINGS: u32 = 16;

/// How far the processor that is being started has come: CALLED -> HERE -> GO, or CALLED -> LEFT.
static STEP: AtomicU8 = AtomicU8::new(CALLED);
/// It was released and has not been seen yet.
const CALLED: u8 = 0;
/// It is set up, and answers questions for its time-stamp counter.
const HERE: u8 = 1;
/// It may go on.
const GO: u8 = 2;
/// It came too late: it is to stop.
const LEFT: u8 = 3;

/// The boot processor's question for the time-stamp counter, numbered from 1, and the other one's answer to it.
static QUESTION: AtomicU64 = AtomicU64::new(0);
static ANSWERED: AtomicU64 = AtomicU64::new(0);
static ANSWER: AtomicU64 = AtomicU64::new(0);

/// How far each processor's time-stamp counter is ahead of the boot processor's, in ticks. Relaxed: set before the processor counts as online.
static AHEAD: [AtomicI64; MAX_CPUS] = [const { AtomicI64::new(0) }; MAX_CPUS];

/// By how many ticks `cpu`'s time-stamp counter was ahead of the boot processor's when it started.
pub fn ticks_ahead(cpu: CpuId) -> i64 {
    AHEAD[usize::from(cpu.0)].load(Ordering::Relaxed)
}

/// Starts all there are, as far as this kernel has room for them. Those that do not come are missing, and the log says so. Once, at
/// boot, the clock calibrated and the scheduler in place.
pub fn start() {
    ipi::init(&IrqOff::new());
    for parked in boot::parked() {
        if usize::from(percpu::online_count()) == MAX_CPUS {
            defmt::warn!("more processors than the {=usize} that this kernel has room for", MAX_CPUS);
            break;
        }
        call(parked);
    }
    frames::set_online();
}

/// The others may run threads.
static GOING: AtomicBool = AtomicBool::new(false);

/// Lets the others tick and run threads. Once, when the devices are set up: until then no other processor touches its APIC.
///
/// To set a device up changes the machine's map of memory, and QEMU before 8.2 gives each processor the new map at once but empties its translation
/// cache a moment later: a processor that writes to its APIC in between ends QEMU with a segmentation fault.
pub fn go() {
    GOING.store(true, Ordering::Release); // partner: the Acquire in `await_devices`
    let irq = IrqOff::new();
    percpu::online().skip(1).for_each(|cpu| ipi::reschedule(&irq, cpu));
}

/// Halts until [`go`], whose interrupt cannot be missed: it is looked for with interrupts off, and the halt turns them on.
fn await_devices() {
    loop {
        let irq = IrqOff::new();
        if GOING.load(Ordering::Acquire) {
            return;
        }
        irq.forget();
        interrupts::wait();
    }
}

fn call(parked: Parked) {
    let id = CpuId(percpu::online_count());
    STEP.store(CALLED, Ordering::Relaxed); // Relaxed: published by the release of the processor
    parked.release(id.0.into(), first);
    let called = tsc();
    // Acquire: partner is the Release of the processor; it is set up.
    while STEP.load(Ordering::Acquire) != HERE {
        if ticks_since(called) > time::tsc_hz() / 1000 * PATIENCE_MS
            && STEP.compare_exchange(CALLED, LEFT, Ordering::Relaxed, Ordering::Acquire).is_ok()
        {
            defmt::warn!("a processor did not start");
            return;
        }
        core::hint::spin_loop();
    }
    AHEAD[usize::from(id.0)].store(measure(), Ordering::Relaxed);
    percpu::one_more();
    STEP.store(GO, Ordering::Release); // partner: the Acquire in `first`
}

/// How far the other processor's time-stamp counter is ahead: its reading against the middle of ours before and after.
fn measure() -> i64 {
    let reading = || {
        let number = QUESTION.load(Ordering::Relaxed) + 1;
        let before = tsc();
        QUESTION.store(number, Ordering::Release); // partner: the Acquire in `answer`
        while ANSWERED.load(Ordering::Acquire) != number {
            core::hint::spin_loop();
        }
        let took = ticks_since(before);
        (took, (ANSWER.load(Ordering::Relaxed) as i64).wrapping_sub((before + took / 2) as i64))
    };
    (0..READINGS).map(|_| reading()).min().map_or(0, |(_, ahead)| ahead)
}

/// Answers the questions until it may go on.
fn answer() {
    let mut last = ANSWERED.load(Ordering::Relaxed);
    while STEP.load(Ordering::Acquire) != GO {
        let number = QUESTION.load(Ordering::Acquire); // partner: the Release in `measure`
        if number != last {
            last = number;
            ANSWER.store(tsc(), Ordering::Relaxed);
            ANSWERED.store(number, Ordering::Release); // partner: the Acquire in `measure`
        }
        core::hint::spin_loop();
    }
}

/// Where a processor begins: on the bootloader's stack and page table, interrupts off.
extern "C" fn first(number: u64) -> ! {
    cpu::enable_features();
    page_table::enter_kernel();
    let id = CpuId(number as u8);
    percpu::init(id);
    if apic::enable().is_err() {
        power::halt(); // it will not be waited for longer than for one that never came
    }
    ipi::init(&IrqOff::new());
    sched::init();
    // Release: partner is the Acquire in `call`.
    if STEP.compare_exchange(CALLED, HERE, Ordering::Release, Ordering::Relaxed).is_err() {
        power::halt();
    }
    answer();
    await_devices();
    time::start_tick();
    sched::run_idle()
}
