//! The console: plain text on COM1, or packets among the trace's, where there is only that port or `serial=mux` says so.
//!
//! What is printed in one call appears unbroken. Threads print through `sched::console`, which waits its turn asleep; boot and panic
//! print here. With one port for both, text waits in a queue for the drain, which has the port ([`take_port`], [`send_queued`]).

use crate::arch::cpu;
use crate::arch::interrupts::IrqOff;
use crate::arch::power::{self, ExitCode};
use crate::arch::serial::{COM1, COM2, FASTEST, Serial};
use crate::ipi;
use crate::sync::{LockClass, SpinLock};
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use fl_trace::console::ConsoleQueue;
use fl_trace::packet::{DELIMITER, MAX_FRAME, PACKET_ROOM};

/// Bytes of text that can wait for the drain: it comes by at least every 10 ms.
const QUEUE: usize = 4096;

/// How the serial ports are used (`serial=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ports {
    /// As two where there are two; else COM1 carries the trace too, and the console as packets.
    Found,
    /// COM1 is the console alone; without COM2 nothing is traced.
    Two,
    /// COM1 carries both.
    Shared,
}

/// What the command line says of the serial ports.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How they are used.
    pub ports: Ports,
    /// Whether the trace goes over one of them.
    pub trace: bool,
    /// Their rate.
    pub baud: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self { ports: Ports::Found, trace: true, baud: FASTEST }
    }
}

/// COM1, unless the drain has it.
static PORT: SpinLock<Option<Serial>> = SpinLock::new(LockClass::Console, None);
static QUEUED: SpinLock<ConsoleQueue<QUEUE>> = SpinLock::new(LockClass::Console, ConsoleQueue::new());
/// Whether text goes to the queue. Relaxed, as `BAUD`: set at boot, before there are threads.
static SHARED: AtomicBool = AtomicBool::new(false);
static BAUD: AtomicU32 = AtomicU32::new(FASTEST);

/// Opens COM1. Without one, everything printed is dropped.
pub fn init() {
    // SAFETY: called once, at boot; nobody else drives COM1.
    *PORT.lock() = unsafe { Serial::open(COM1, FASTEST) };
}

/// Sets the ports up as asked for. Call once, before threads print and the trace has a port.
pub fn configure(setup: Setup) {
    let shared = match setup.ports {
        Ports::Shared => true,
        Ports::Two => false,
        // SAFETY: nobody drives COM2 yet; this `Serial` is gone at once.
        Ports::Found => setup.trace && unsafe { Serial::open(COM2, setup.baud) }.is_none(),
    };
    SHARED.store(shared, Relaxed);
    if setup.baud != BAUD.swap(setup.baud, Relaxed) {
        let mut port = PORT.lock();
        *port = None;
        // SAFETY: the one `Serial` of COM1 is gone.
        *port = unsafe { Serial::open(COM1, setup.baud) };
    }
}

/// Rate of the ports.
pub fn baud() -> u32 {
    BAUD.load(Relaxed)
}

/// Whether console and trace share COM1.
pub fn shared() -> bool {
    SHARED.load(Relaxed)
}

/// Writes bytes as they are and says how many were taken: all, unless the queue for the drain is full. On a port of its own
/// interrupts stay off for as long as the transmitter takes: keep it to a line or so.
pub fn write(bytes: &[u8]) -> usize {
    if shared() {
        return QUEUED.lock().put(bytes);
    }
    if let Some(port) = PORT.lock().as_mut() {
        port.send_all(bytes);
    }
    bytes.len()
}

/// COM1, for the drain of a machine where it carries everything. Once.
pub fn take_port() -> Option<Serial> {
    PORT.lock().take()
}

/// For the drain: makes a packet of text that waits and has it sent. False: nothing waits.
pub fn send_queued(
    packet: &mut [u8; PACKET_ROOM],
    frame: &mut [u8; MAX_FRAME],
    send: impl FnOnce(&[u8]),
) -> bool {
    // The lock is not held while sending: writers only add behind what the packet carries.
    let made = QUEUED.lock().frame(cpu::tsc(), packet, frame);
    let Some((bytes, taken)) = made else { return false };
    send(bytes);
    QUEUED.lock().sent(taken);
    true
}

/// Ends a boot that cannot go on because of what the kernel was given: one line says why, and the machine stops.
///
/// For the user's and the bootloader's mistakes; the kernel's own are panics.
pub fn refuse(why: fmt::Arguments<'_>) -> ! {
    let irq = IrqOff::new();
    ipi::stop_others(&irq);
    // SAFETY: no other thread or CPU runs any more; no lock of the console is held with interrupts on.
    unsafe { print_stolen(format_args!("Faultline cannot start: {why}\n")) };
    power::off(ExitCode::Refused)
}

/// Formats straight to the port, whoever holds the lock; what waited in the queue goes first.
///
/// # Safety
///
/// Only where nobody else runs any more: the panic path, a refused boot.
pub unsafe fn print_stolen(args: fmt::Arguments<'_>) {
    if !shared() {
        // SAFETY: by this function's contract.
        if let Some(port) = unsafe { PORT.steal() } {
            let _ = fmt::write(port, args);
        }
        return;
    }
    // SAFETY: by this function's contract, whoever had the port runs no more.
    let Some(mut port) = (unsafe { Serial::take_over(COM1) }) else { return };
    port.send_all(&[DELIMITER]); // cuts off what the drain may have begun; it is made again
    // SAFETY: as above.
    let queue = unsafe { QUEUED.steal() };
    let mut last = Packets { port, queue };
    let _ = fmt::write(&mut last, args);
    last.flush();
}

/// Text as packets on a port, on paths that must end.
struct Packets<'a> {
    port: Serial,
    queue: &'a mut ConsoleQueue<QUEUE>,
}

impl Packets<'_> {
    fn flush(&mut self) {
        let (mut packet, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        while let Some((bytes, taken)) = self.queue.frame(cpu::tsc(), &mut packet, &mut frame) {
            self.port.send_all(bytes);
            self.queue.sent(taken);
        }
    }
}

impl fmt::Write for Packets<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let mut rest = s.as_bytes();
        while !rest.is_empty() {
            rest = &rest[self.queue.put(rest)..];
            if !rest.is_empty() {
                self.flush();
            }
        }
        Ok(())
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.send_all(s.as_bytes());
        Ok(())
    }
}
