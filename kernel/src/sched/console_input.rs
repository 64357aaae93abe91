//! The console's input for threads: what comes in at COM1, by lines. The port is looked at in every tick, once somebody has asked for it.
//!
//! A tick is a millisecond, in which a port of 115 200 baud receives 12 bytes; it holds 16. What has no place in `LINES` stays there, and
//! under QEMU the sender waits.

use super::wait_queue::WaitQueue;
use crate::arch::serial::{COM1, Receiver};
use crate::irq;
use crate::sync::{LockClass, SpinLock};
use fl_lines::Lines;

/// Bytes that wait to be read; the longest line that is read in one piece.
const ROOM: usize = 4096;

struct Input {
    /// Rank 6. `None`: nobody listens, so the input is at its end.
    port: SpinLock<Option<Port>>,
    readers: WaitQueue,
}

struct Port {
    receiver: Receiver,
    lines: Lines<ROOM>,
}

static INPUT: Input = Input { port: SpinLock::new(LockClass::ConsoleInput, None), readers: WaitQueue::new() };

/// From now on what comes in at COM1 can be read. Once, at boot. False: too many ask for the tick already.
pub fn listen() -> bool {
    *INPUT.port.lock() = Some(Port { receiver: Receiver::of(COM1), lines: Lines::new() });
    irq::at_tick(&INPUT)
}

/// Sleeps until there is a line, and moves it into `out`, or as much of it as there is room. How many bytes: 0 at the end of the input, and if `gives_up`,
/// which is asked again after [`wake_readers`].
pub fn read_line(out: &mut [u8], gives_up: impl Fn() -> bool) -> usize {
    let mut len = None;
    INPUT.readers.wait_until(|| {
        len = INPUT.port.lock().as_mut().map_or(Some(0), |port| port.lines.take(out));
        len.is_some() || gives_up()
    });
    len.unwrap_or(0)
}

/// Has those who wait for a line look again.
pub fn wake_readers() {
    INPUT.readers.wake_all();
}

/// Ends the input and wakes its readers.
pub fn end_input() {
    if let Some(port) = INPUT.port.lock().as_mut() {
        port.lines.end();
    }
    INPUT.readers.wake_all();
}

impl Port {
    /// Takes what has come; whether a reader can go on.
    fn receive(&mut self) -> bool {
        while !self.lines.is_full() {
            let Some(byte) = self.receiver.take() else { break };
            self.lines.put(byte);
        }
        self.lines.is_ready()
    }
}

impl irq::Handler for Input {
    fn interrupt(&self) {}

    fn tick(&self, _: u64) {
        // Woken after the port was let go of: a reader takes it under the queue's lock.
        let ready = self.port.lock().as_mut().is_some_and(Port::receive);
        if ready {
            self.readers.wake_all();
        }
    }
}
