//! The idle thread: halts until there is something to run, after zeroing frames in advance.

use super::run_queue;
use crate::arch::interrupts::{self, IrqOff};
use crate::mm::frames;

/// Runs ready threads for ever. The boot flow ends here; interrupts are on while it halts.
pub fn run_idle() -> ! {
    loop {
        {
            let irq = IrqOff::new();
            while run_queue::has_ready(&irq) {
                run_queue::schedule(&irq);
            }
            if frames::stock_one() {
                continue; // with a moment for interrupts in between
            }
            irq.forget(); // stays off up to the halt, so that a wake-up in between is not slept over
        }
        interrupts::wait();
    }
}
