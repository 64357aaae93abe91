//! What a run was about, for people: timeline, latency table, flamegraph, and where everything lies.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use vmtrace::view::paint::Look;

use crate::demo;
use crate::run::Outcome;
use crate::{Error, Result};

/// Name of the flamegraph in the run's folder.
const FLAME: &str = "flame.svg";

/// How much to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Detail {
    /// Timeline, latency table, flamegraph, files, what to try next.
    Full,
    /// Latency table, flamegraph, files.
    Short,
    /// Nothing.
    None,
}

/// Prints the report. A run without a trace is said to have none; a reader that went away is no error.
///
/// # Errors
/// The trace's size cannot be read.
pub fn print(outcome: &Outcome, detail: Detail, root: &Path) -> Result<()> {
    if detail == Detail::None {
        return Ok(());
    }
    let trace = outcome.trace();
    let size = fs::metadata(&trace).map_err(Error::reading(&trace))?.len();
    let mut flame = None;
    if size > 0 {
        if detail == Detail::Full {
            section("timeline");
            vmtrace(&["timeline".as_ref(), trace.as_ref()]);
        }
        section("latency");
        vmtrace(&["stats".as_ref(), trace.as_ref()]);
        flame = draw_flame(&trace, outcome.dir.file(FLAME));
    }
    section("run");
    let mut text = summary(outcome);
    text += &format!("trace    {} ({})\n", shown(&trace, root), amount(size));
    if let Some(flame) = flame {
        text += &format!("flame    {} (open it in a browser)\n", shown(&flame, root));
    }
    if detail == Detail::Full {
        text += "\nnext, try\n";
        for (command, what) in demo::NEXT {
            text += &format!("  {command}\n      {what}\n");
        }
    }
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// The times of the run in a line.
fn summary(outcome: &Outcome) -> String {
    let seconds = outcome.duration.as_secs_f64();
    match outcome.first_program {
        Some(first) => {
            format!(
                "time     first program {:.2} s after QEMU's start, {seconds:.2} s in all\n",
                first.as_secs_f64()
            )
        }
        None => format!("time     no program was started in {seconds:.2} s\n"),
    }
}

/// Runs the trace reader in this process; it prints what it finds, and its own complaints.
fn vmtrace(args: &[&std::ffi::OsStr]) {
    let args = std::iter::once(OsString::from("vmtrace")).chain(args.iter().map(|&arg| arg.to_owned()));
    vmtrace::cli::run(args);
}

/// Draws the flamegraph; its file, if there was anything to draw. What speaks against it has been said by the latency table.
fn draw_flame(trace: &Path, file: PathBuf) -> Option<PathBuf> {
    let (out, err) = (&mut io::sink(), &mut io::sink());
    let mut env =
        vmtrace::cli::Env { out, err, look: Look::PLAIN, progress: false, stop: Default::default() };
    let args = ["vmtrace".into(), "flame".into(), trace.into(), "-o".into(), file.clone().into_os_string()];
    vmtrace::cli::run_in(args, &mut env);
    file.exists().then_some(file)
}

fn section(title: &str) {
    let _ = writeln!(io::stdout(), "\n== {title} ==");
}

/// A path as short as it can be given from where the person stands.
pub(crate) fn shown(path: &Path, root: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| root.to_owned());
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn amount(bytes: u64) -> String {
    match bytes {
        0 => "empty: the guest sent no event".to_owned(),
        1..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        for (bytes, text) in
            [(0, "empty: the guest sent no event"), (9_999, "9999 bytes"), (20_480, "20.0 KiB")]
        {
            assert_eq!(amount(bytes), text);
        }
        assert_eq!(amount(15 << 20), "15.0 MiB");
    }
}
