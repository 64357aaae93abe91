//! The debug call by which a program chooses what is traced of it and of all others.

use crate::process;
use crate::trace::classes;
use crate::vm::user::{self, BadPointer};
use fl_abi::TRACE_WORDS_MAX;

/// `trace(words) -> bool`. False: a word that is not known, or too many.
pub fn trace(words: u64) -> Result<i64, BadPointer> {
    let mut room = [0; TRACE_WORDS_MAX];
    let len = user::read_string(words, &mut room)?;
    let words = room.get(..len).and_then(|words| str::from_utf8(words).ok());
    let pid = process::current().map(|process| process.pid);
    Ok(words.zip(pid).is_some_and(|(words, pid)| classes::change(pid, words)).into())
}
