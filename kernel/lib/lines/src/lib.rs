//! [`Lines`]: bytes as they come from a serial line, read by lines as from a terminal.
//!
//! Nothing is echoed or edited: the terminal at the other end does that.
#![no_std]
#![forbid(unsafe_code)]

/// Ends the input for good (Ctrl-D, ASCII EOT). It is not part of it.
pub const END: u8 = 0x04;

/// Up to `N` bytes that nobody has read yet.
///
/// Lock: its owner's. Who adds bytes asks for [`is_full`](Self::is_full) first: what is left in the port then is not lost but waits there.
#[derive(Debug)]
pub struct Lines<const N: usize> {
    bytes: [u8; N],
    /// The oldest byte.
    first: usize,
    /// How many there are.
    len: usize,
    /// How many of them end a line.
    ends: usize,
    /// Nothing more comes.
    ended: bool,
}

impl<const N: usize> Default for Lines<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Lines<N> {
    /// Nothing has come yet.
    pub const fn new() -> Self {
        Self { bytes: [0; N], first: 0, len: 0, ends: 0, ended: false }
    }

    /// Whether no further byte has a place.
    pub const fn is_full(&self) -> bool {
        self.len == N
    }

    /// Takes a byte that came: a carriage return counts as the end of a line, [`END`] ends the input. Without effect if there is no place,
    /// or the input has ended.
    pub fn put(&mut self, byte: u8) {
        if byte == END {
            self.ended = true;
        }
        if self.ended || self.is_full() {
            return;
        }
        let byte = if byte == b'\r' { b'\n' } else { byte };
        self.bytes[(self.first + self.len) % N] = byte;
        self.len += 1;
        self.ends += usize::from(byte == b'\n');
    }

    /// Ends the input.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether a reader has no reason to wait: there is a line, or the input has ended, or no end of the line would have a place.
    pub const fn is_ready(&self) -> bool {
        self.ends > 0 || self.ended || self.is_full()
    }

    /// Moves a line with its end into `out`, or as much of it as there is room; what is left stays for the next. How many bytes: 0 if the
    /// input has ended. `None`: not ready.
    pub fn take(&mut self, out: &mut [u8]) -> Option<usize> {
        if !self.is_ready() {
            return None;
        }
        for (n, to) in out.iter_mut().enumerate() {
            if self.len == 0 {
                return Some(n);
            }
            *to = self.bytes[self.first];
            self.first = (self.first + 1) % N;
            self.len -= 1;
            if *to == b'\n' {
                self.ends -= 1;
                return Some(n + 1);
            }
        }
        Some(out.len())
    }
}
