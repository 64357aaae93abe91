//! The console: plain text on COM1. What is printed in one call appears unbroken.
//!
//! Threads print through `sched::console`, which waits its turn asleep; boot and panic print here.

use crate::arch::power::{self, ExitCode};
use crate::arch::serial::{COM1, Serial};
use crate::sync::SpinLock;
use core::fmt;

static PORT: SpinLock<Option<Serial>> = SpinLock::new(None);

/// Opens COM1. Without one, everything printed is dropped.
pub fn init() {
    // SAFETY: called once, at boot; nobody else drives COM1.
    *PORT.lock() = unsafe { Serial::open(COM1) };
}

/// Writes bytes as they are. Interrupts stay off for as long as the transmitter takes: keep it to a line or so.
pub fn write(bytes: &[u8]) {
    if let Some(port) = PORT.lock().as_mut() {
        port.send_all(bytes);
    }
}

/// Ends a boot that cannot go on because of what the kernel was given: one line says why, and the machine stops.
///
/// For the user's and the bootloader's mistakes; the kernel's own are panics.
pub fn refuse(why: fmt::Arguments<'_>) -> ! {
    if let Some(port) = PORT.lock().as_mut() {
        let _ = fmt::write(port, format_args!("Faultline cannot start: {why}\n"));
    }
    power::off(ExitCode::Refused)
}

/// Formats straight to the port, whoever holds the lock.
///
/// # Safety
///
/// Only on the panic path: nobody else runs any more.
pub unsafe fn print_stolen(args: fmt::Arguments<'_>) {
    // SAFETY: by this function's contract.
    if let Some(port) = unsafe { PORT.steal() } {
        let _ = fmt::write(port, args);
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.send_all(s.as_bytes());
        Ok(())
    }
}
