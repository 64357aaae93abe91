//! CPUs that hang on purpose: the panic by the watchdog that follows is the test's success.

use super::team;
use crate::arch::interrupts::IrqOff;
use crate::percpu;
use crate::sched;
use crate::sync::{LockClass, SpinLock};
use alloc::string::{String, ToString};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use fl_addr::CpuId;

/// Ticks after which a test gives up that could not even begin.
const PATIENCE: u64 = 60_000;

/// The CPU that is to hang.
static TARGET: AtomicU8 = AtomicU8::new(0);
/// For which others wait.
static LOCK: SpinLock<()> = SpinLock::new(LockClass::Page, ());
static LOCKED: AtomicBool = AtomicBool::new(false);
/// On which CPU each of these waits, or [`NOWHERE`] so far.
static WAITERS: [AtomicU8; 2] = [const { AtomicU8::new(NOWHERE) }; 2];
const NOWHERE: u8 = u8::MAX;

/// Spins, whatever the interrupts are. What the backtrace must name.
#[inline(never)]
fn hangs_here() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Calls `step` with interrupts off, on the CPU that it is told, over and over until it says that it is done.
fn until(mut step: impl FnMut(&IrqOff, u8) -> bool) -> Result<(), String> {
    let begun = sched::ticks();
    while sched::ticks() - begun < PATIENCE {
        let irq = IrqOff::new();
        if step(&irq, percpu::this_cpu(&irq).0) {
            return Ok(());
        }
        drop(irq);
        core::hint::spin_loop();
    }
    Err("nobody noticed, or threads did not come to run where they should".to_string())
}

/// Hangs `cpu` with interrupts off. As many threads as there are CPUs keep all of them busy, so one runs there. Does not return.
pub fn on(cpu: CpuId) -> Result<String, String> {
    TARGET.store(cpu.0, SeqCst);
    team::run(percpu::online_count().into(), |_| {
        until(|_, here| if here == TARGET.load(SeqCst) { hangs_here() } else { false })
    })?;
    Err("it ended".to_string())
}

/// Hangs a CPU that holds a lock, and has two more spin for it. Does not return.
pub fn locked() -> Result<String, String> {
    team::run(1 + WAITERS.len() as u32, |number| match number.checked_sub(1) {
        None => holds(),
        Some(waiter) => waits(&WAITERS[waiter as usize]),
    })?;
    Err("it ended".to_string())
}

/// Hangs with the lock once all who are to wait run on other CPUs: one in the queue of this CPU would never come to spin. They stay there, for a CPU takes threads of
/// others only when it is idle.
fn holds() -> Result<(), String> {
    until(|irq, here| {
        let elsewhere = |waiter: &AtomicU8| ![NOWHERE, here].contains(&waiter.load(SeqCst));
        if !WAITERS.iter().all(elsewhere) {
            return false;
        }
        let _held = LOCK.lock_with(irq);
        LOCKED.store(true, SeqCst);
        hangs_here()
    })
}

/// Says where it runs until the lock is taken, and then waits for that.
fn waits(at: &AtomicU8) -> Result<(), String> {
    until(|irq, here| {
        at.store(here, SeqCst);
        let locked = LOCKED.load(SeqCst);
        locked.then(|| drop(LOCK.lock_with(irq)));
        locked
    })
}

/// Hangs in a thread, interrupts on. Does not return.
pub fn in_a_thread() -> Result<String, String> {
    hangs_here()
}
