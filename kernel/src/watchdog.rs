//! The watchdog: finds a CPU that is stuck, and makes it tell where, which is the kernel's end.
//!
//! `fl_watchdog` judges; this is what it asks of the hardware. Every CPU counts its ticks. One watches the others, a silent one is asked by a
//! non-maskable interrupt whether it runs at all, and the stuck one panics in another such interrupt: so the backtrace is its own. A CPU that ticks
//! and never leaves a thread in the kernel finds that itself. On a machine with one CPU the interval timer's beats take the place of the others' questions:
//! they come as non-maskable interrupts too.
//!
//! On in checked builds; `watchdog=MS` sets the time, in ticks of the CPU that looks, or turns it off with 0.

use crate::arch::MAX_CPUS;
use crate::arch::entry::TrapFrame;
use crate::arch::interrupts::IrqOff;
use crate::arch::{cpu, pit};
use crate::dev::beat;
use crate::percpu::{self, PerCpu};
use crate::sync::{self, LockClass, SpinLock};
use crate::time::{self, TICK_HZ};
use crate::trace::emit;
use crate::{ipi, panic, per_cpu, sched};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_watchdog::{Beat, Beats, Linger, Order, Place, STRIKES, Sample, Watch};

/// After how many milliseconds a CPU is stuck, unless the command line says otherwise; 0: never.
const USUAL_MS: u32 = if cfg!(debug_assertions) { 3000 } else { 0 };
/// A CPU that takes interrupts may be at work: in one thread in the kernel it may be so many times as long.
const LINGER: u64 = 10;

/// Ticks between two looks at a silent CPU; 0: nobody looks. Relaxed, as everything here: counts and flags that order nothing.
static INTERVAL: AtomicU64 = AtomicU64::new(0);
/// The CPU that watches all others.
static WATCHER: AtomicU8 = AtomicU8::new(0);

/// On a machine with one CPU: the beats, and how many ticks of the time-stamp counter they are apart; 0: they do not come.
static BEATS: Beats = Beats::new();
static PERIOD: AtomicU64 = AtomicU64::new(0);

/// What a CPU shows of itself, and what it knows of the others.
struct Cpu {
    /// Ticks so far. Written by its own CPU.
    ticks: AtomicU64,
    /// The last answer, packed by [`pack`]. Written by its own CPU.
    answer: AtomicU64,
    /// It was asked, at some time: so a non-maskable interrupt may be the watchdog's.
    asked: AtomicBool,
    /// It was found to be stuck, by that CPU, plus 1.
    condemned_by: AtomicU8,
    /// Its own CPU's, in the tick.
    own: SpinLock<Own>,
}

struct Own {
    watch: Watch<MAX_CPUS>,
    linger: Linger,
}

static CPUS: PerCpu<Cpu> = per_cpu!(Cpu {
    ticks: AtomicU64::new(0),
    answer: AtomicU64::new(0),
    asked: AtomicBool::new(false),
    condemned_by: AtomicU8::new(0),
    own: SpinLock::new(LockClass::Watchdog, Own { watch: Watch::new(), linger: Linger::new() }),
});

/// How many answers, and what the last one was: deaf, spinning.
fn pack(answers: u64, deaf: bool, spins: bool) -> u64 {
    answers << 2 | u64::from(spins) << 1 | u64::from(deaf)
}

fn sample(cpu: CpuId) -> Sample {
    let cpu = CPUS.of(cpu);
    let answer = cpu.answer.load(Relaxed);
    Sample {
        ticks: cpu.ticks.load(Relaxed),
        answers: answer >> 2,
        deaf: answer & 1 != 0,
        spins: answer & 2 != 0,
    }
}

/// Begins to look. Every CPU ticks by now.
pub fn start(ms: Option<u32>) {
    let ticks = u64::from(ms.unwrap_or(USUAL_MS)) * TICK_HZ / 1000;
    INTERVAL.store(ticks.div_ceil(u64::from(STRIKES)), Relaxed);
    if ticks != 0 && percpu::online_count() == 1 {
        start_beats();
    }
}

/// Has the interval timer's beats find this CPU, the only one, where it is. If none come, nobody finds it with interrupts off.
fn start_beats() {
    let cpu = CPUS.of(CpuId(0));
    cpu.asked.store(true, Relaxed);
    match beat::start() {
        Ok(period) => PERIOD.store(period, Relaxed),
        Err(beat::NoBeat) => {
            cpu.asked.store(false, Relaxed);
            defmt::info!("no I/O APIC: this processor is not watched while its interrupts are off");
        }
    }
}

/// After each tick of this CPU, which has interrupted what `frame` says. Interrupts off.
pub fn tick(irq: &IrqOff, frame: &TrapFrame) {
    let me = percpu::this_cpu(irq);
    let cpu = CPUS.this(irq);
    let now = cpu.ticks.load(Relaxed) + 1;
    cpu.ticks.store(now, Relaxed);
    let interval = INTERVAL.load(Relaxed);
    if interval == 0 {
        return;
    }
    let watcher = CpuId(WATCHER.load(Relaxed));
    let ask = |cpu| {
        CPUS.of(cpu).asked.store(true, Relaxed);
        ipi::nmi(irq, cpu);
    };
    let (lingered, order) = {
        let mut own = cpu.own.lock_with(irq);
        let lingered = own.linger.tick(place(irq, me, frame));
        (lingered, own.watch.tick((me, watcher), now, interval, percpu::online_count(), sample, ask))
    };
    match order {
        Order::Nothing => {}
        Order::TakeOver => drop(WATCHER.compare_exchange(watcher.0, me.0, Relaxed, Relaxed)),
        Order::Report(stuck) => {
            CPUS.of(stuck).condemned_by.store(me.0 + 1, Relaxed);
            ask(stuck);
        }
    }
    if lingered >= interval * u64::from(STRIKES) * LINGER {
        panic::at(
            frame,
            format_args!("watchdog: CPU {me} was in one thread in the kernel for {lingered} ticks"),
        )
    }
}

/// Where this CPU is, if it is where it may not stay.
fn place(irq: &IrqOff, me: CpuId, frame: &TrapFrame) -> Option<Place> {
    if frame.is_user() || sched::is_idle(irq) {
        return None;
    }
    Some(Place { switches: sched::switches(irq), events: emit::of(me).seen() })
}

/// A non-maskable interrupt has come: answers, if it is the watchdog's; does not return if this CPU was found to be stuck. False: it is not.
///
/// It may have interrupted anything, so it takes no lock and changes nothing but this CPU's answer.
pub fn answer(frame: &TrapFrame) -> bool {
    let irq = IrqOff::by_gate();
    let cpu = CPUS.this(&irq);
    if !cpu.asked.load(Relaxed) || pit::has_error() {
        return false;
    }
    if ipi::is_last(&irq) {
        return true; // at its end with interrupts off, which takes as long as it takes
    }
    let period = PERIOD.load(Relaxed);
    if period != 0 {
        beats(frame, cpu.ticks.load(Relaxed), period);
        return true;
    }
    let me = percpu::this_cpu(&irq);
    if let Some(by) = cpu.condemned_by.load(Relaxed).checked_sub(1) {
        let ticks = INTERVAL.load(Relaxed) * u64::from(STRIKES);
        panic::at(
            frame,
            format_args!(
                "watchdog: CPU {me} runs with interrupts off and has not ticked in {ticks} ticks of CPU {by}"
            ),
        )
    }
    let answers = (cpu.answer.load(Relaxed) >> 2) + 1;
    cpu.answer.store(pack(answers, !frame.interrupts_on(), sync::spins_for(me).is_some()), Relaxed);
    true
}

/// The interval timer has beaten: does not return if so many beats in a row have found this CPU with interrupts off that it is stuck.
fn beats(frame: &TrapFrame, ticks: u64, period: u64) {
    let strikes = BEATS.beat(Beat { at: cpu::tsc(), ticks, deaf: !frame.interrupts_on() }, period);
    let patience = INTERVAL.load(Relaxed) * u64::from(STRIKES) * (time::tsc_hz() / TICK_HZ);
    if u64::from(strikes) > u64::from(STRIKES).max(patience / period) {
        panic::at(
            frame,
            format_args!(
                "watchdog: CPU 0 runs with interrupts off and has not ticked in {strikes} beats of the interval timer"
            ),
        )
    }
}
