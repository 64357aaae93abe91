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

/// Spins, whatever the interrupts are. What the backtrace must name.
#[inline(never)]
fn hangs_here() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Calls `f` with interrupts off, if this is the CPU that is to hang, as soon as it is.
fn on_target(f: fn()) -> Result<(), String> {
    let begun = sched::ticks();
    while sched::ticks() - begun < PATIENCE {
        let irq = IrqOff::new();
        if percpu::this_cpu(&irq).0 == TARGET.load(SeqCst) {
            f();
        }
        drop(irq);
        core::hint::spin_loop();
    }
    Err("nobody noticed, or it did not come to run there".to_string())
}

/// Hangs `cpu` with interrupts off. As many threads as there are CPUs keep all of them busy, so one runs there. Does not return.
pub fn on(cpu: CpuId) -> Result<String, String> {
    TARGET.store(cpu.0, SeqCst);
    team::run(percpu::online_count().into(), |_| on_target(|| hangs_here()))?;
    Err("it ended".to_string())
}

/// Hangs a CPU that holds a lock, and has two more spin for it. Does not return.
pub fn locked() -> Result<String, String> {
    team::run(3, |number| {
        if number == 0 {
            let _held = LOCK.lock();
            LOCKED.store(true, SeqCst);
            hangs_here();
        }
        while !LOCKED.load(SeqCst) {
            sched::sleep(1);
        }
        drop(LOCK.lock());
        Ok(())
    })?;
    Err("it ended".to_string())
}

/// Hangs in a thread, interrupts on. Does not return.
pub fn in_a_thread() -> Result<String, String> {
    hangs_here()
}
