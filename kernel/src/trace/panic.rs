//! The panic path's share of the trace: the last events in words, and everything recorded out on the wire.
//!
//! Locks are ignored and everything is bounded: nobody else runs any more.

use super::{drain, emit};
use crate::percpu;
use fl_trace::control::{Bye, Control};
use fl_trace::event::Stamped;

/// Packets flushed at most: each CPU's full ring and log, with room to spare.
const FLUSH_LIMIT: u32 = 16 * 1024;

/// Calls `f` with the last `n` events of each CPU, oldest first.
///
/// # Safety
///
/// Every other thread and CPU must have been stopped for good, with interrupts off here.
pub unsafe fn last_events(n: usize, mut f: impl FnMut(u8, Stamped)) {
    for cpu in percpu::online() {
        // SAFETY: no producer runs, by this function's contract.
        for event in unsafe { emit::of(cpu).ring().last(n) } {
            f(cpu.0, event);
        }
    }
}

/// Sends what the rings hold, then the panic's goodbye.
///
/// # Safety
///
/// As [`last_events`].
pub unsafe fn flush() {
    // SAFETY: by this function's contract.
    let pump = unsafe { drain::take_over() };
    pump.cut();
    pump.everything(FLUSH_LIMIT);
    pump.control(&Control::Bye(Bye::Panic));
    pump.flush();
}
