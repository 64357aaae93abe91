//! The program's arguments: an iterator over `argv` as the kernel laid it on the stack.

use core::ffi::CStr;
use core::str::FromStr;

use crate::check;

/// The arguments, the program's name first. Owns nothing: the strings lie on the process's stack as long as it lives.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    argv: *const *const u8,
    argc: usize,
    next: usize,
}

impl Args {
    /// All arguments.
    ///
    /// # Safety
    /// `argv` must point to `argc` pointers (a negative count means none) to NUL-ended strings and then a null pointer, all of
    /// which stay as they are for the rest of the process.
    pub unsafe fn new(argc: i32, argv: *const *const u8) -> Self {
        Self { argv, argc: usize::try_from(argc).unwrap_or(0), next: 0 }
    }

    /// How many arguments there are in all, the program's name included.
    pub fn count(&self) -> usize {
        self.argc
    }

    /// The address of `argv[0]`, for programs that check how the kernel laid it out.
    pub fn argv(&self) -> *const *const u8 {
        self.argv
    }

    /// Argument number `i`; `None` past the end or if it is not UTF-8.
    pub fn get(&self, i: usize) -> Option<&'static str> {
        if i >= self.argc {
            return None;
        }
        // SAFETY: `i` is below the count that `new` was promised, and every pointer below it leads to a lasting string.
        unsafe { text(*self.argv.add(i)) }
    }

    /// Whether a null pointer stands behind the last argument, as C programs expect.
    pub fn ends_with_null(&self) -> bool {
        // SAFETY: `new` was promised a null pointer there, so the place at least is readable.
        unsafe { (*self.argv.add(self.argc)).is_null() }
    }

    /// Argument number `i` as a value, or `default` if there is no such argument. Anything else is the caller's mistake: the
    /// program says so and exits with status 1.
    pub fn value<T: FromStr>(&self, i: usize, default: T) -> T {
        if i >= self.argc {
            return default;
        }
        match self.get(i).and_then(|word| word.parse().ok()) {
            Some(value) => value,
            None => {
                check!(false, "argument {i} ('{}') is no number it can use", self.get(i).unwrap_or("?"));
                default
            }
        }
    }
}

impl Iterator for Args {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let word = (self.next < self.argc).then(|| self.get(self.next).unwrap_or("?"))?;
        self.next += 1;
        Some(word)
    }
}

/// The string at `first` as UTF-8.
///
/// # Safety
/// `first` must lead to a NUL-ended string that stays as it is for the rest of the process.
pub(crate) unsafe fn text(first: *const u8) -> Option<&'static str> {
    // SAFETY: exactly the caller's promise.
    unsafe { CStr::from_ptr(first.cast()) }.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaks an argv of these words, as the kernel leaves it for the life of the process.
    fn argv_of(words: &[&[u8]]) -> Args {
        let mut pointers: Vec<*const u8> = Vec::new();
        for word in words {
            let mut string = word.to_vec();
            string.push(0);
            pointers.push(Vec::leak(string).as_ptr());
        }
        pointers.push(core::ptr::null());
        // SAFETY: the pointers lead to leaked NUL-ended strings and a null pointer stands behind them.
        unsafe { Args::new(words.len() as i32, Vec::leak(pointers).as_ptr()) }
    }

    #[test]
    fn words_come_in_order_and_end() {
        let args = argv_of(&[b"args", b"one", b"two words"]);
        assert_eq!(args.collect::<Vec<_>>(), ["args", "one", "two words"]);
        assert_eq!((args.count(), args.get(2), args.get(3)), (3, Some("two words"), None));
        assert!(args.ends_with_null());
    }

    #[test]
    fn a_missing_number_is_the_default() {
        let args = argv_of(&[b"touch-zero", b"17"]);
        assert_eq!((args.value(1, 64), args.value(2, 5u64)), (17, 5));
    }

    #[test]
    #[should_panic(expected = "system call")]
    fn a_word_that_is_no_number_ends_the_program() {
        argv_of(&[b"touch-zero", b"many"]).value(1, 64usize);
    }

    #[test]
    fn a_word_that_is_not_utf8_is_shown_as_a_question_mark() {
        let args = argv_of(&[b"x", b"\xff"]);
        assert_eq!(args.get(1), None);
        assert_eq!(args.collect::<Vec<_>>(), ["x", "?"]);
    }

    #[test]
    fn a_negative_count_means_no_arguments() {
        // SAFETY: no pointer is read when there are no arguments.
        assert_eq!(unsafe { Args::new(-1, core::ptr::null()) }.count(), 0);
    }
}
