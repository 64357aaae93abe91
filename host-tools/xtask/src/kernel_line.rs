//! The kernel's command line: what a run asks of the kernel, quoted so that [`fl_abi::cmdline`] reads back the same.

use fl_abi::cmdline;

use crate::{Error, Result};

/// Writes `key=value` words one behind the other.
#[derive(Clone, Default, Debug)]
pub struct KernelLine(String);

impl KernelLine {
    /// Adds one word; the value may hold anything but control characters.
    ///
    /// # Errors
    /// The key or the value cannot be passed.
    pub fn add(&mut self, key: &str, value: &str) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
        let refuse = |why| Err(Error::Usage(format!("kernel argument '{key}': {why}")));
        if key.is_empty() || !key.chars().all(plain) {
            return refuse("a key is letters, digits and . _ - : / only".to_owned());
        }
        if value.chars().any(char::is_control) {
            return refuse("its value holds control characters".to_owned());
        }
        let length = key.len() + 1 + value.len();
        if length > cmdline::VALUE_MAX {
            return refuse(format!("{length} bytes with its value: at most {} fit", cmdline::VALUE_MAX));
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        if value.chars().all(plain) {
            self.0.push_str(value);
        } else {
            self.push_quoted(value);
        }
        Ok(())
    }

    fn push_quoted(&mut self, value: &str) {
        self.0.push('\'');
        for c in value.chars() {
            if matches!(c, '\'' | '\\') {
                self.0.push('\\');
            }
            self.0.push(c);
        }
        self.0.push('\'');
    }

    /// The line as the kernel gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(words: &[(&str, &str)]) -> String {
        let mut line = KernelLine::default();
        for (key, value) in words {
            line.add(key, value).unwrap();
        }
        line.0
    }

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        assert_eq!(
            line(&[("exec", "args a b"), ("exec", "hello"), ("user_frames", "1215"), ("x", r"it's a\b")]),
            r"exec='args a b' exec=hello user_frames=1215 x='it\'s a\\b'"
        );
    }

    #[test]
    fn what_the_kernel_could_not_read_is_refused() {
        let mut line = KernelLine::default();
        for (key, value) in [("", "x"), ("a b", "x"), ("a", "x\n"), ("a", &"x".repeat(255))] {
            assert!(line.add(key, value).is_err(), "{key:?}");
        }
        assert_eq!(line.as_str(), "", "what is refused leaves no trace");
        line.add("a", &"x".repeat(254)).unwrap();
    }

    proptest! {
        #[test]
        fn the_kernels_parser_reads_back_what_was_added(
            words in prop::collection::vec(("[a-z_.]{1,12}", r"[ -~äß世]{0,60}"), 0..6)
        ) {
            let borrowed: Vec<_> = words.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let line = line(&borrowed);
            let read: Vec<_> = cmdline::words(&line).map(|w| w.unwrap()).collect();
            let read: Vec<_> = read.iter().map(|w| (w.key(), w.value())).collect();
            prop_assert_eq!(read, borrowed);
        }
    }
}
