//! Printing on the console: each `print!` is put together in a buffer and leaves in one `write`, so lines arrive unbroken.

use core::fmt::{self, Write};

use crate::sys;

/// Prints to the console in one piece; see [`LineBuffer`] for very long text.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::print(core::format_args!($($text)*)) };
}

/// Prints a line to the console in one piece, line end included.
#[macro_export]
macro_rules! println {
    () => { $crate::print(core::format_args!("\n")) };
    ($($text:tt)*) => { $crate::print(core::format_args!("{}\n", core::format_args!($($text)*))) };
}

/// What `print!` and `println!` call.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = LineBuffer::new(|bytes| {
        sys::write(fl_abi::STDOUT, bytes);
    });
    // The buffer takes everything; only a failing Display could end the formatting early, and then its text is cut.
    let _ = line.write_fmt(text);
}

/// Bytes gathered before they leave: a text of up to this length is one write, a longer one is split.
pub const LINE_MAX: usize = 512;

/// Gathers text and hands it to `sink` in as few pieces as it can: when full, and when dropped. Never an empty piece.
pub struct LineBuffer<F: FnMut(&[u8])> {
    bytes: [u8; LINE_MAX],
    used: usize,
    sink: F,
}

impl<F: FnMut(&[u8])> LineBuffer<F> {
    /// An empty buffer in front of `sink`.
    pub fn new(sink: F) -> Self {
        Self { bytes: [0; LINE_MAX], used: 0, sink }
    }

    /// Hands over what is gathered so far.
    pub fn flush(&mut self) {
        if self.used > 0 {
            (self.sink)(&self.bytes[..self.used]);
            self.used = 0;
        }
    }
}

impl<F: FnMut(&[u8])> Write for LineBuffer<F> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.used == LINE_MAX {
                self.flush();
            }
            let (now, later) = rest.split_at(rest.len().min(LINE_MAX - self.used));
            self.bytes[self.used..][..now.len()].copy_from_slice(now);
            self.used += now.len();
            rest = later;
        }
        Ok(())
    }
}

impl<F: FnMut(&[u8])> Drop for LineBuffer<F> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(texts: &[&str]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let mut line = LineBuffer::new(|bytes: &[u8]| pieces.push(bytes.to_vec()));
        for text in texts {
            line.write_str(text).unwrap();
        }
        drop(line);
        pieces
    }

    #[test]
    fn a_line_of_several_parts_is_one_write() {
        assert_eq!(pieces(&["a", "", "b=", "7", "\n"]), [b"ab=7\n".to_vec()]);
    }

    #[test]
    fn nothing_printed_is_no_write() {
        assert_eq!(pieces(&["", ""]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_line_that_just_fits_is_one_write_and_one_byte_more_makes_two() {
        let fits = "x".repeat(LINE_MAX);
        assert_eq!(pieces(&[&fits]).len(), 1);
        assert_eq!(pieces(&[&fits, "y"]).iter().map(Vec::len).collect::<Vec<_>>(), [LINE_MAX, 1]);
    }

    proptest! {
        #[test]
        fn text_arrives_whole_and_only_full_pieces_are_split(texts in prop::collection::vec(".{0,300}", 0..8)) {
            let whole = texts.concat();
            let pieces = pieces(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(pieces.concat(), whole.as_bytes());
            prop_assert_eq!(pieces.len(), whole.len().div_ceil(LINE_MAX));
        }
    }
}
