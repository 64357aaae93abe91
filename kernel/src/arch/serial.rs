//! The two serial ports: COM1 for the console, COM2 for the trace, by crate `uart_16550`.

pub use uart_16550::spec::FIFO_SIZE;

use core::arch::asm;
use uart_16550::backend::PioBackend;
use uart_16550::{BaudRate, Config, Uart16550};
use x86_64::instructions::port::PortReadOnly;

/// The console's port.
pub const COM1: u16 = 0x3f8;
/// The trace's port.
pub const COM2: u16 = 0x2f8;
/// The fastest rate of a PC's serial port, and the default, in baud. Other rates divide it.
pub const FASTEST: u32 = 115_200;
/// Offset of the line-status register.
const STATUS: u16 = 5;
/// Times the line-status register is read before a stuck transmitter is given up, on paths that must end.
const PATIENCE: u32 = 1_000_000;

/// The receiving side of a port that was opened before. It touches nothing that a [`Serial`] of the same port uses.
pub struct Receiver {
    data: PortReadOnly<u8>,
    status: PortReadOnly<u8>,
}

impl Receiver {
    /// The receiver of `port`.
    pub const fn of(port: u16) -> Self {
        Self { data: PortReadOnly::new(port), status: PortReadOnly::new(port + STATUS) }
    }

    /// The next byte that has come.
    pub fn take(&mut self) -> Option<u8> {
        /// There is one.
        const READY: u8 = 1;
        // SAFETY: reading the line status and then the receive buffer of a PC's serial port takes the byte and has no other effect but
        // to clear the error bits, which nobody looks at. Where there is no port, all bits read as one: see below.
        let status = unsafe { self.status.read() };
        let there = status & READY != 0 && status != u8::MAX;
        // SAFETY: as above.
        there.then(|| unsafe { self.data.read() })
    }
}

/// One initialised UART. Owns the port; whoever holds the `&mut` writes.
pub struct Serial {
    uart: Uart16550<PioBackend>,
    /// Its data register.
    port: u16,
    status: PortReadOnly<u8>,
}

impl Serial {
    /// Opens the port at `baud`, FIFO on, interrupts off. `None` if there is no UART.
    ///
    /// # Safety
    ///
    /// At most one `Serial` may exist per port.
    pub unsafe fn open(port: u16, baud: u32) -> Option<Self> {
        // SAFETY: a standard PC COM port; exclusive by this function's contract.
        let mut uart = unsafe { Uart16550::new_port(port) }.ok()?;
        uart.init(Config { baud_rate: BaudRate::from_integer(baud), ..Config::DEFAULT }).ok()?;
        Some(Self { uart, port, status: PortReadOnly::new(port + STATUS) })
    }

    /// The port as it was opened before, byte by byte: what another `Serial` has given to the transmitter stays there.
    ///
    /// # Safety
    ///
    /// Whoever else has the port must have been stopped for good.
    pub unsafe fn take_over(port: u16) -> Option<Self> {
        // SAFETY: a standard PC COM port; exclusive by this function's contract.
        let uart = unsafe { Uart16550::new_port(port) }.ok()?;
        Some(Self { uart, port, status: PortReadOnly::new(port + STATUS) })
    }

    /// Sends what the transmitter takes at once, at most 16 bytes; returns how many. Never waits.
    pub fn try_send(&mut self, bytes: &[u8]) -> usize {
        /// The transmitter's FIFO is empty.
        const EMPTY: u8 = 1 << 5;
        // SAFETY: reading the line status has no effect but to clear the error bits, which nobody looks at.
        if bytes.is_empty() || unsafe { self.status.read() } & EMPTY == 0 {
            return 0;
        }
        let room = if self.uart.fifo_enabled() { FIFO_SIZE } else { 1 };
        let burst = &bytes[..bytes.len().min(room)];
        // One instruction for all of them: under a hypervisor that is one exit instead of one for each byte.
        // SAFETY: reads the bytes of `burst` upwards, for the direction flag is clear as the calling convention has it, and writes them to the data register of
        // our own port, which is ready to take as many.
        unsafe {
            asm!("rep outsb", in("dx") self.port, inout("rsi") burst.as_ptr() => _, inout("rcx") burst.len() => _,
                options(nostack, readonly, preserves_flags));
        }
        burst.len()
    }

    /// Sends all of it, waiting for the transmitter; gives up on one that stays busy and returns whether all was sent.
    pub fn send_all(&mut self, bytes: &[u8]) -> bool {
        for chunk in bytes.chunks(FIFO_SIZE) {
            let mut rest = chunk;
            let mut patience = PATIENCE;
            while !rest.is_empty() {
                let n = self.try_send(rest);
                rest = &rest[n..];
                if n == 0 {
                    patience -= 1;
                    if patience == 0 {
                        return false;
                    }
                    core::hint::spin_loop();
                }
            }
        }
        true
    }
}
