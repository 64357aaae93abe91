//! The kernel's command line: `key=value` words, with quoting, shared by the kernel (parse) and the runner (quote).
//!
//! Grammar: words are separated by spaces; single quotes group; a backslash takes the next character as it is, anywhere.
//! `exec='args a b' exec=hello user_frames=1215 panic=emit`

/// Longest value, in bytes, after unquoting.
pub const VALUE_MAX: usize = 256;

/// One `key=value` word, unquoted. A word without `=` has an empty value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    bytes: [u8; VALUE_MAX],
    len: usize,
    equals: Option<usize>,
}

impl Word {
    /// What stands before the first unquoted `=`.
    pub fn key(&self) -> &str {
        self.text(0, self.equals.unwrap_or(self.len))
    }
    /// What stands behind it.
    pub fn value(&self) -> &str {
        self.text(self.equals.map_or(self.len, |i| i + 1), self.len)
    }
    fn text(&self, from: usize, to: usize) -> &str {
        // Cuts happen at ASCII characters of a `&str`, so the parts are UTF-8 again.
        core::str::from_utf8(&self.bytes[from..to]).unwrap_or("")
    }
}

/// What is wrong with a command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// A quote is not closed.
    OpenQuote,
    /// A backslash stands at the end.
    TrailingBackslash,
    /// A word is longer than [`VALUE_MAX`] bytes.
    TooLong,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OpenQuote => "a quote is not closed",
            Self::TrailingBackslash => "a backslash stands at the end",
            Self::TooLong => "a word is longer than 256 bytes",
        })
    }
}

/// Splits a command line into words. After an error nothing more comes.
pub fn words(line: &str) -> impl Iterator<Item = Result<Word, Malformed>> + '_ {
    let mut rest = line.as_bytes();
    core::iter::from_fn(move || {
        while let [b' ', tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() {
            return None;
        }
        let word = take_word(&mut rest);
        if word.is_err() {
            rest = &[];
        }
        Some(word)
    })
}

fn take_word(rest: &mut &[u8]) -> Result<Word, Malformed> {
    let mut word = Word { bytes: [0; VALUE_MAX], len: 0, equals: None };
    let mut quoted = false;
    while let [b, tail @ ..] = *rest {
        let mut b = *b;
        *rest = tail;
        match b {
            b'\'' => {
                quoted = !quoted;
                continue;
            }
            b' ' if !quoted => return Ok(word),
            b'=' if !quoted && word.equals.is_none() => word.equals = Some(word.len),
            b'\\' => {
                let [next, tail @ ..] = *rest else { return Err(Malformed::TrailingBackslash) };
                b = *next;
                *rest = tail;
            }
            _ => {}
        }
        *word.bytes.get_mut(word.len).ok_or(Malformed::TooLong)? = b;
        word.len += 1;
    }
    if quoted { Err(Malformed::OpenQuote) } else { Ok(word) }
}

/// Splits a program's command line at spaces, runs collapsed, as Pintos does: the first word is the program.
pub fn arguments(line: &str) -> impl Iterator<Item = &str> + Clone {
    line.split(' ').filter(|w| !w.is_empty())
}

/// The same for what a program gives to the kernel: any bytes.
pub fn byte_arguments(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(|&byte| byte == b' ').filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn pairs(line: &str) -> Vec<(String, String)> {
        words(line).map(|w| w.map(|w| (w.key().to_string(), w.value().to_string())).unwrap()).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_string(), value.to_string())
    }

    #[test]
    fn quotes_group_and_backslashes_escape() {
        assert_eq!(
            pairs(r"  exec='args a b'  exec=it\'s panic x='a=b' y=a\\b"),
            [
                pair("exec", "args a b"),
                pair("exec", "it's"),
                pair("panic", ""),
                pair("x", "a=b"),
                pair("y", r"a\b")
            ]
        );
    }

    #[test]
    fn what_is_malformed_is_named_and_ends_the_line() {
        fn errors(line: &str) -> Vec<Result<Word, Malformed>> {
            words(line).collect()
        }
        assert_eq!(errors("a 'b"), [words("a").next().unwrap(), Err(Malformed::OpenQuote)]);
        assert_eq!(errors(r"a\"), [Err(Malformed::TrailingBackslash)]);
        assert_eq!(errors(&"x".repeat(VALUE_MAX + 1)), [Err(Malformed::TooLong)]);
        assert!(errors(&"x".repeat(VALUE_MAX))[0].is_ok());
    }

    #[test]
    fn other_languages_survive() {
        assert_eq!(pairs("exec='grüße 世界'"), [pair("exec", "grüße 世界")]);
    }

    #[test]
    fn program_arguments_collapse_runs_of_spaces() {
        let line = "  args-dbl-space  two   words ";
        assert_eq!(arguments(line).collect::<Vec<_>>(), ["args-dbl-space", "two", "words"]);
        assert_eq!(arguments("   ").count(), 0);
        assert!(byte_arguments(line.as_bytes()).eq(arguments(line).map(str::as_bytes)));
        assert_eq!(byte_arguments(b"\xff  \0").collect::<Vec<_>>(), [b"\xff", b"\0"]);
    }
}
