//! The idle thread of each CPU: halts until there is something to run, after zeroing frames in advance.

use super::{run_queue, switching};
use crate::arch::interrupts::{self, IrqOff};
use crate::inject::{self, Point};
use crate::mm::frames;
use crate::percpu;

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
            inject::pass(Point::Idling);
            if run_queue::has_ready(&irq) {
                run_queue::clear_idle(percpu::this_cpu(&irq));
                continue;
            }
            irq.forget(); // stays off up to the halt, so that a wake-up in between is not slept over
        }
        interrupts::wait();
        run_queue::clear_idle(percpu::this_cpu(&IrqOff::new()));
    }
}
