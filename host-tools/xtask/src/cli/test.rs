//! `cargo xtask test`: builds what the QEMU tests boot and runs them, unless a word names no test at all: `cargo test` would call that a success.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, str};

use crate::artifacts;
use crate::build::{Programs, build};
use crate::{Error, Profile, Result, place, suggest};

/// Flags of `test`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: cargo xtask test -- bad_access. All names: cargo xtask test -- -- --list.")]
pub struct TestArgs {
    /// Passed on to `cargo test`: words that tests' names must contain, and its flags
    #[arg(last = true, value_name = "ARGS")]
    pub(super) rest: Vec<OsString>,
}

impl TestArgs {
    /// Does it; the exit status is that of the tests.
    pub(super) fn execute(self) -> Result<u8> {
        let root = place::root()?;
        let words = words(&self.rest);
        if !words.is_empty() {
            let Some(names) = names(&root)? else { return Ok(1) };
            words.into_iter().try_for_each(|word| find(word, &names))?;
        }
        let mut artifacts = build(&root, Profile::Checked, Programs::All, false)?;
        // Runs of tests lie apart: they neither become the user's last run nor push out the ones kept.
        artifacts.output = artifacts.output.join("tests");
        let list = artifacts.output.join("checked.json");
        fs::create_dir_all(&artifacts.output).map_err(Error::writing(&artifacts.output))?;
        artifacts.save(&list)?;
        let mut cargo = cargo_test(&root);
        cargo.args(self.rest).env(artifacts::ENV, &list);
        let status = cargo.status().map_err(not_started)?;
        Ok(u8::from(!status.success()))
    }
}

fn cargo_test(root: &Path) -> Command {
    let mut cargo = Command::new(place::cargo());
    cargo.current_dir(root).args(["test", "-p", "qemu-tests"]);
    cargo
}

fn not_started(source: std::io::Error) -> Error {
    Error::CannotStart { program: "cargo".into(), source }
}

/// The words that names must contain. A flag and what follows it say something else: what may be its value is left for cargo to judge.
fn words(args: &[OsString]) -> Vec<&str> {
    let is_flag = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    let before = std::iter::once(None).chain(args.iter().map(Some));
    let takes_next = |arg: &OsString| is_flag(arg) && arg != "--" && !arg.as_encoded_bytes().contains(&b'=');
    let after_flag = |before: Option<&OsString>| before.is_some_and(takes_next);
    let words = args.iter().zip(before).filter(|(arg, before)| !is_flag(arg) && !after_flag(*before));
    words.filter_map(|(arg, _)| arg.to_str()).collect()
}

/// The names of all tests. `None`: they do not compile, and cargo has said why.
fn names(root: &Path) -> Result<Option<Vec<String>>> {
    let mut cargo = cargo_test(root);
    cargo.args(["--quiet", "--", "--list", "--format", "terse"]).stderr(Stdio::inherit());
    let listed = cargo.output().map_err(not_started)?;
    let text = str::from_utf8(&listed.stdout).unwrap_or_default();
    let names = text.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_owned()));
    Ok(listed.status.success().then(|| names.collect()))
}

/// # Errors
/// [`Error::NoSuchTest`].
fn find(word: &str, names: &[String]) -> Result<()> {
    if names.iter().any(|name| name.contains(word)) {
        return Ok(());
    }
    // A name is a sentence, and what was meant is some words of it.
    let len = word.split(['_', ':']).filter(|part| !part.is_empty()).count().max(1);
    let parts = |name: &str| -> Vec<String> {
        let parts: Vec<&str> = name.split(['_', ':']).filter(|part| !part.is_empty()).collect();
        parts.windows(len).map(|parts| parts.join("_")).collect()
    };
    let mut all: Vec<String> = names.iter().flat_map(|name| parts(name)).collect();
    all.sort_unstable();
    all.dedup();
    let meant = suggest::nearest(word, all.iter().map(String::as_str));
    let close = names.iter().filter(|name| meant.as_ref().is_some_and(|meant| parts(name).contains(meant)));
    Err(Error::NoSuchTest { word: word.into(), close: close.take(5).cloned().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn words_are_what_is_no_flag_and_no_value_of_one() {
        for (line, expected) in [
            ("", &[][..]),
            ("bad_access", &["bad_access"]),
            ("bad -- --nocapture", &["bad"]),
            ("--test qemu -- fork exec --skip slow", &["fork", "exec"]),
            ("--test=qemu fork", &["fork"]),
        ] {
            assert_eq!(words(&args(line)), expected, "{line}");
        }
    }

    #[test]
    fn a_word_of_no_test_is_answered_with_the_names_that_may_be_meant() {
        let names = ["a_bad_access_kills_the_process", "fork_copies_nothing", "layers::the_table_is_kept"];
        let names = names.map(String::from);
        assert!(find("access_kills", &names).is_ok());
        for (word, close) in [
            ("bad_acess", Some(&names[0])),
            ("froks", Some(&names[1])),
            ("tabel", Some(&names[2])),
            ("xyzzy", None),
        ] {
            let message = find(word, &names).unwrap_err().to_string();
            assert!(message.contains(&format!("'{word}'")) && !message.contains('\n'), "{message}");
            assert_eq!(close.is_some(), message.contains("close"), "{message}");
            assert!(close.is_none_or(|name| message.contains(name.as_str())), "{message}");
        }
    }
}
