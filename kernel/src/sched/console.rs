//! The console for threads: what one holder of [`Console`] writes stands unbroken, and waiting for it is sleep.

use super::wait_queue::{SleepGuard, SleepLock};
use crate::console as port;
use core::fmt;

static TURN: SleepLock<()> = SleepLock::new(());

/// The right to write on the console. It may be held while user memory is copied: nobody below waits for it.
pub struct Console {
    _turn: SleepGuard<'static, ()>,
}

/// Waits for the console.
pub fn console() -> Console {
    Console { _turn: TURN.lock() }
}

/// Prints one formatted piece, unbroken.
pub fn print(args: fmt::Arguments<'_>) {
    let _ = fmt::write(&mut console(), args);
}

impl Console {
    /// Bytes that go to the port with interrupts off at a time: about 25 us each under QEMU.
    const PIECE: usize = 64;

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        for mut piece in bytes.chunks(Self::PIECE) {
            loop {
                piece = &piece[port::write(piece)..];
                if piece.is_empty() {
                    break;
                }
                super::sleep(1); // the drain shares the port with us and makes room
            }
        }
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.write(s.as_bytes());
        Ok(())
    }
}
