//! The idle thread of each CPU: halts until there is something to run, after zeroing frames in advance.

use super::{run_queue, sleep, switching};
use crate::arch::cpu::tsc;
use crate::arch::interrupts::{self, IrqOff};
use crate::inject::{self, Point};
use crate::mm::frames;
use crate::percpu::{self, PerCpu};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How long each CPU has halted, in ticks of the time-stamp counter. Relaxed: its own CPU's number, which others may read late.
static HALTED: PerCpu<AtomicU64> = crate::per_cpu!(AtomicU64::new(0));

/// How long the CPUs have halted, all together, in ticks of the time-stamp counter; a halt counts when it is over.
pub fn halted() -> u64 {
    percpu::online().map(|cpu| HALTED.of(cpu).load(Relaxed)).sum()
}

/// Runs ready threads for ever. The boot flow of each CPU ends here; interrupts are on while it halts. Every tick wakes it, and then it looks
/// whether other CPUs have more than they can run.
pub fn run_idle() -> ! {
    loop {
        {
            let irq = IrqOff::new();
            while switching::run_ready(&irq) {}
            if frames::stock_one() {
                continue; // with a moment for interrupts in between
            }
            run_queue::set_idle(&irq);
            if run_queue::all_idle() {
                sleep::end_pauses();
            }
            inject::pass(Point::Idling);
            if run_queue::has_ready(&irq) {
                run_queue::clear_idle(percpu::this_cpu(&irq));
                continue;
            }
            irq.forget(); // stays off up to the halt, so that a wake-up in between is not slept over
        }
        let since = tsc();
        interrupts::wait();
        let irq = IrqOff::new();
        let halted = HALTED.this(&irq);
        halted.store(halted.load(Relaxed) + (tsc() - since), Relaxed);
        run_queue::clear_idle(percpu::this_cpu(&irq));
    }
}
