//! [`CText`]: text for the kernel: formatted, ended by a NUL, in a buffer of fixed size.

use core::ffi::CStr;
use core::fmt::{self, Write};

/// Bytes of the longest text, its NUL included: a command line of full length fits.
const SIZE: usize = fl_abi::COMMAND_LINE_MAX + 1;

/// A text made by [`cformat!`](crate::cformat).
pub struct CText {
    bytes: [u8; SIZE],
    used: usize,
}

impl CText {
    /// The text of `arguments`.
    ///
    /// # Panics
    /// If it is longer than a command line may be, or holds a NUL.
    pub fn new(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; SIZE], used: 0 };
        assert!(text.write_fmt(arguments).is_ok(), "a text for the kernel is too long");
        text
    }
}

impl Write for CText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        // The last byte stays 0.
        self.bytes[..SIZE - 1].get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

impl core::ops::Deref for CText {
    type Target = CStr;
    fn deref(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.used]).expect("a text for the kernel holds no NUL")
    }
}

/// Formats a text for the kernel: a file's name, a command line.
#[macro_export]
macro_rules! cformat {
    ($($text:tt)*) => { $crate::CText::new(core::format_args!($($text)*)) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_formatted_text_ends_with_a_nul() {
        assert_eq!(&*cformat!("file{}", 7), c"file7");
        assert_eq!(&*cformat!(""), c"");
        let longest = "x".repeat(fl_abi::COMMAND_LINE_MAX);
        assert_eq!(cformat!("{longest}").to_bytes(), longest.as_bytes());
    }

    #[test]
    #[should_panic(expected = "too long")]
    fn a_text_that_does_not_fit_is_not_cut() {
        let _ = cformat!("{}", "x".repeat(fl_abi::COMMAND_LINE_MAX + 1));
    }
}
