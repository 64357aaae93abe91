//! COM1, and the end of the line: errors and panics print one line there and end QEMU.
//!
//! [`fail`] is for mistakes of the user or limits of the machine, the panic handler for bugs of the loader.
//! [`Log`] speaks only if asked to.

use super::port::{inb, outb, outl};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// COM1's registers (16550): data, line control, line status.
pub const DATA: u16 = 0x3f8;
const LINE_CONTROL: u16 = 0x3fb;
const LINE_STATUS: u16 = 0x3fd;
/// Line control: 8 data bits, no parity, 1 stop bit.
const EIGHT_N_ONE: u8 = 3;
/// Line status: the transmitter takes another byte.
const TAKES_BYTE: u8 = 0x20;
/// Line status: all bytes have left.
const ALL_SENT: u8 = 0x40;

/// QEMU's isa-debug-exit device.
pub const DEBUG_EXIT: u16 = 0xf4;
/// Written there when the kernel could not be started: QEMU exits with status 2 * 0x12 + 1 = 37.
pub const EXIT_VALUE: u32 = 0x12;

/// Sets the port up; the firmware may have left it in any state.
pub fn init() {
    // SAFETY: the serial port does no DMA, and nobody else uses it.
    unsafe { outb(LINE_CONTROL, EIGHT_N_ONE) };
}

/// Waits until the line status has `bits`. A missing port reads as all ones, so this ends there too.
fn wait(bits: u8) {
    // SAFETY: reading the line status clears only error bits, which are not used.
    while unsafe { inb(LINE_STATUS) } & bits == 0 {
        core::hint::spin_loop();
    }
}

struct Com1;

impl Write for Com1 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            wait(TAKES_BYTE);
            // SAFETY: the serial port does no DMA.
            unsafe { outb(DATA, byte) };
        }
        Ok(())
    }
}

/// Messages for who asked for them by `loader=verbose`.
pub struct Log {
    verbose: bool,
}

impl Log {
    /// Silent unless `verbose`.
    pub const fn new(verbose: bool) -> Self {
        Self { verbose }
    }

    /// Prints one line on COM1, or nothing.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        if self.verbose {
            let _ = writeln!(Com1, "loader: {text}"); // Com1 never fails
        }
    }
}

/// Says what is amiss though the kernel can be started.
pub fn warn(what: impl fmt::Display) {
    let _ = writeln!(Com1, "loader: warning: {what}"); // Com1 never fails
}

/// Says why the kernel cannot be started and ends the machine.
pub fn fail(reason: impl fmt::Display) -> ! {
    let _ = writeln!(Com1, "loader: error: {reason}"); // Com1 never fails
    exit()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Com1, "loader: internal error: {info}"); // Com1 never fails
    exit()
}

/// Ends QEMU once the last byte has left; where there is no isa-debug-exit, stops the processor.
fn exit() -> ! {
    wait(ALL_SENT);
    // SAFETY: the debug exit device does no DMA; without it nothing listens.
    unsafe { outl(DEBUG_EXIT, EXIT_VALUE) };
    loop {
        // SAFETY: interrupts are off, so this only saves the host's time.
        unsafe { core::arch::asm!("hlt", options(nomem, nostack)) };
    }
}
