//! [`Text`]: a command line, or another short C string, put together on the stack.

use core::ffi::CStr;
use core::fmt::{self, Write};

/// Room for two of the longest command lines.
const ROOM: usize = 2 * fl_abi::COMMAND_LINE_MAX;

/// Text with a NUL behind it. What does not fit is a mistake of the program: it panics.
pub struct Text {
    bytes: [u8; ROOM],
    used: usize,
}

/// A [`Text`] of this: `text!("child-rox {}", n)`.
#[macro_export]
macro_rules! text {
    ($($text:tt)*) => { $crate::Text::new(core::format_args!($($text)*)) };
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; ROOM], used: 0 }
    }
}

impl Text {
    /// What `text!` calls.
    pub fn new(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::default();
        text.write_fmt(arguments).expect("the text fits");
        text
    }

    /// Adds a space and the word in quotes.
    pub fn push_word(&mut self, word: &str) {
        write!(self, " '{word}'").expect("the word fits");
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("?")
    }

    /// The text as the kernel takes it.
    pub fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).expect("the last byte stays 0")
    }
}

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = self.used + more.len();
        if end >= ROOM {
            return Err(fmt::Error);
        }
        self.bytes[self.used..end].copy_from_slice(more.as_bytes());
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_c_string() {
        assert_eq!(text!("child-rox {}", 5).as_c(), c"child-rox 5");
        assert_eq!(text!("").as_c(), c"");
    }

    #[test]
    fn words_are_quoted() {
        let mut text = Text::default();
        text.push_word("a");
        text.push_word("b  c");
        assert_eq!(text.as_str(), " 'a' 'b  c'");
    }

    #[test]
    #[should_panic(expected = "fits")]
    fn what_does_not_fit_is_no_text() {
        text!("{}", "x".repeat(ROOM));
    }
}
