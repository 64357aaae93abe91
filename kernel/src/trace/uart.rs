//! [`UartLink`]: the trace over a serial port, without interrupts: bursts of the transmitter's FIFO, and naps while it empties.

use super::link::{Link, Wait};
use crate::arch::cpu::tsc;
use crate::arch::serial::{COM2, FIFO_SIZE, Serial};
use crate::time::{TICK_HZ, clock};
use crate::{console, sched};
use alloc::boxed::Box;
use fl_trace::packet::DELIMITER;

/// Bits on the wire for a byte: start, eight of data, stop.
const BITS: u64 = 10;

/// A serial port of the trace's own.
struct UartLink {
    port: Serial,
    /// Time-stamp counter ticks that a full FIFO takes to be sent.
    burst: u64,
    /// When the last burst will have been sent.
    empty_at: u64,
    /// The transmitter was given up amid a packet: what is sent next begins with a delimiter.
    stuck: bool,
}

/// The trace's port: COM2, or COM1 where it carries everything. `None`: there is none, and nothing is traced. Once.
pub fn open() -> Option<&'static mut dyn Link> {
    let port = if console::shared() {
        console::take_port()
    } else {
        // SAFETY: this link is the only user of COM2 and is opened once.
        unsafe { Serial::open(COM2, console::baud()) }
    };
    let burst = FIFO_SIZE as u64 * BITS * clock().tsc_hz / u64::from(console::baud());
    Some(Box::leak(Box::new(UartLink { port: port?, burst, empty_at: 0, stuck: false })))
}

impl Link for UartLink {
    fn send(&mut self, bytes: &[u8], wait: Wait) {
        if self.stuck {
            self.stuck = self.port.try_send(&[DELIMITER]) == 0;
        }
        if !self.stuck {
            self.stuck = !self.send_all(bytes, wait);
        }
    }

    fn flush(&mut self, _: Wait) {} // what the transmitter has it sends by itself
}

impl UartLink {
    /// Whether all of it was taken.
    fn send_all(&mut self, mut bytes: &[u8], wait: Wait) -> bool {
        let patience = wait.patience() * clock().tsc_hz;
        // Since when the transmitter is busy. The clock is read when it first is and at the end, not for each burst: the next is tried at once.
        let mut busy = Some(tsc());
        while !bytes.is_empty() {
            let sent = self.port.try_send(bytes);
            if sent > 0 {
                (bytes, busy) = (&bytes[sent..], None);
                continue;
            }
            let now = tsc();
            let since = *busy.get_or_insert_with(|| {
                self.empty_at = now + self.burst;
                now
            });
            if now.saturating_sub(since) > patience {
                return false;
            }
            self.nap(now, wait);
        }
        if busy.is_none() {
            self.empty_at = tsc() + self.burst;
        }
        true
    }

    /// Waits a little for the transmitter: asleep for whole ticks only, so that less than a tick of its time is never lost.
    fn nap(&self, now: u64, wait: Wait) {
        let left = self.empty_at.saturating_sub(now);
        // A transmitter that is late by more than a tick is held up by its other end: nobody knows for how long.
        let late = now.saturating_sub(self.empty_at);
        let tick = clock().tsc_hz / TICK_HZ;
        match wait {
            Wait::Asleep if left >= tick || late >= tick => sched::sleep(1),
            _ => core::hint::spin_loop(),
        }
    }
}
