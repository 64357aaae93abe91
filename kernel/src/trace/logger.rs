//! The defmt logger: each CPU writes its log records into a buffer of its own, so logging takes no lock and waits for nobody.
//!
//! A record begins and ends with interrupts off. One that does not fit is dropped whole and counted.

use crate::arch::interrupts::{self, IrqOff};
use crate::per_cpu;
use crate::percpu::PerCpu;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_ring::ByteRing;

/// Bytes of log each CPU can hold until the drain comes by.
const LOG_BYTES: usize = 32 * 1024;

/// One CPU's log records.
pub struct CpuLog {
    buffer: ByteRing<LOG_BYTES>,
    /// Whether `acquire` found interrupts on; written between `acquire` and `release` of the owning CPU.
    were_on: AtomicBool,
}

static LOGS: PerCpu<CpuLog> = per_cpu!(CpuLog { buffer: ByteRing::new(), were_on: AtomicBool::new(false) });

/// That CPU's log buffer, for its one consumer.
pub fn of(cpu: CpuId) -> &'static ByteRing<LOG_BYTES> {
    &LOGS.of(cpu).buffer
}

/// Log records dropped so far, all CPUs.
pub fn lost() -> u64 {
    crate::percpu::online().map(|cpu| of(cpu).lost()).sum()
}

#[defmt::global_logger]
struct Logger;

/// Runs `f` on this CPU's log. Interrupts are off between `acquire` and `release`, so the CPU cannot change.
fn with_log<R>(f: impl FnOnce(&CpuLog) -> R) -> R {
    let irq = IrqOff::new();
    f(LOGS.this(&irq))
}

// SAFETY: `acquire` turns interrupts off until `release`, so calls on one CPU do not interleave, and each CPU has its own
// buffer; `write` is only called in between (defmt's contract).
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        let were_on = interrupts::enabled();
        interrupts::disable();
        with_log(|log| {
            log.were_on.store(were_on, Relaxed); // Relaxed: read by this CPU only
            // SAFETY: this CPU with interrupts off is the only producer.
            unsafe { log.buffer.begin() };
        });
    }

    unsafe fn flush() {} // the drain sends in its own time

    unsafe fn release() {
        let were_on = with_log(|log| {
            // SAFETY: as in `acquire`. A record that did not fit has been counted as lost.
            let _ = unsafe { log.buffer.commit() };
            log.were_on.load(Relaxed)
        });
        if were_on {
            interrupts::enable();
        }
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: as in `acquire`.
        with_log(|log| unsafe { log.buffer.write(bytes) });
    }
}

defmt::timestamp!("{=u64:us}", crate::time::micros());

#[defmt::panic_handler]
fn defmt_panic() -> ! {
    panic!("a defmt assertion failed")
}
