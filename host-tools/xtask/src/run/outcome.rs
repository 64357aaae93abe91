//! [`Outcome`]: how a run ended, and the exit status that tells it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::RunDir;
use super::watch::Ended;
use crate::qemu::{self, Machine};
use crate::{Error, Result};

/// How the guest ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The guest powered off in order.
    PoweredOff,
    /// The kernel panicked.
    Panicked,
    /// The kernel was asked for something it cannot do (by its command line, or a machine it does not run on): what it said.
    Refused(String),
    /// The guest reset itself, which a triple fault does.
    Reset,
    /// The time limit passed.
    Timeout,
    /// We were asked to stop by this signal.
    Signal(i32),
    /// QEMU ended otherwise: what is known of it.
    Died(String),
}

/// A run that has ended. Its folder stays at least as long as this value.
#[derive(Debug)]
pub struct Outcome {
    /// How.
    pub end: End,
    /// All that the guest wrote to its console.
    pub console: String,
    /// What is wrong with the disk of a guest that powered off, in one line.
    pub disk: Option<String>,
    /// The programs asked for that the kernel never started, or could not load, in order.
    pub not_started: Vec<String>,
    /// From QEMU's start to the kernel's line before the first program.
    pub first_program: Option<Duration>,
    /// From QEMU's start to its end.
    pub duration: Duration,
    /// Where everything lies.
    pub dir: RunDir,
    /// The machine it ran on.
    pub machine: Machine,
}

impl Outcome {
    /// The exit status: 0, 1 (panic, QEMU died, a program was never started, the disk is not in order), 2 (the kernel refused), 3 (timeout), 128 + the signal that stopped us.
    pub fn status(&self) -> u8 {
        match &self.end {
            End::PoweredOff if self.not_started.is_empty() && self.disk.is_none() => 0,
            End::PoweredOff | End::Panicked | End::Reset | End::Died(_) => 1,
            End::Refused(_) => 2,
            End::Timeout => 3,
            End::Signal(signal) => 128u8.saturating_add(*signal as u8),
        }
    }

    /// The trace, as it came.
    pub fn trace(&self) -> PathBuf {
        self.dir.file(qemu::TRACE)
    }

    /// One line that says what went wrong and what to do, or `None` if nothing did.
    pub fn complaint(&self) -> Option<String> {
        let what = match &self.end {
            End::PoweredOff => match self.not_started.as_slice() {
                [] => return self.disk.clone(),
                [first, ..] => format!(
                    "'{first}' was not started: the console says why, or an earlier program called halt"
                ),
            },
            End::Panicked => {
                "the kernel panicked: its message and backtrace are at the end of the console".to_owned()
            }
            End::Refused(why) => format!("the kernel refused to start: {why}"),
            End::Reset if self.machine.gdb.is_some() => {
                "gdb ended the machine (detach lets it run on), or it reset itself (a triple fault)"
                    .to_owned()
            }
            End::Reset => {
                "the guest reset itself (a triple fault, most likely): look at it with --gdb".to_owned()
            }
            End::Timeout => format!(
                "timeout: the guest still ran after {:.0} s; give it more with --timeout S, or look at it with --gdb",
                self.duration.as_secs_f64()
            ),
            End::Signal(signal) => format!("stopped by signal {signal}; what was traced so far is readable"),
            End::Died(how) => format!("QEMU died: {how}"),
        };
        Some(what)
    }

    /// The last lines of the console.
    pub fn console_tail(&self, lines: usize) -> impl Iterator<Item = &str> {
        let skipped = self.console.lines().count().saturating_sub(lines);
        self.console.lines().skip(skipped)
    }
}

/// What QEMU's exit status and messages mean.
///
/// # Errors
/// [`Error::QemuRefused`] if the guest never ran because of QEMU's command line.
pub(super) fn classify(ended: Ended, console: &str, dir: &RunDir) -> Result<End> {
    match ended {
        Ended::Timeout => Ok(End::Timeout),
        Ended::Signal(signal) => Ok(End::Signal(signal)),
        Ended::Exited(status) => {
            let log = fs::read(dir.file(qemu::LOG)).unwrap_or_default();
            by_status(status, console, &String::from_utf8_lossy(&log))
        }
    }
}

fn by_status(status: ExitStatus, console: &str, log: &str) -> Result<End> {
    let said = last_line(log, "qemu-system-x86_64: ");
    match status.code() {
        Some(qemu::POWERED_OFF) => Ok(End::PoweredOff),
        Some(qemu::PANICKED) => Ok(End::Panicked),
        Some(qemu::REFUSED) => Ok(End::Refused(last_line(console, "Faultline cannot start: "))),
        Some(0) => Ok(End::Reset),
        Some(1) if console.is_empty() && !said.is_empty() => Err(Error::QemuRefused(said)),
        code => {
            let how = match (code, status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => "for an unknown reason".to_owned(),
            };
            Ok(End::Died(if said.is_empty() { how } else { format!("{how}: {said}") }))
        }
    }
}

/// The last line that is not empty, without what stands before the message itself.
fn last_line(text: &str, prefix: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    line.strip_prefix(prefix).unwrap_or(line).trim().to_owned()
}

/// Which of the programs the kernel never announced, or announced and could not load, in order.
pub(super) fn not_started(exec: &[String], console: &str) -> Vec<String> {
    let mut rest = console;
    let mut missing = Vec::new();
    for line in exec {
        let announced = format!("Executing '{line}':\n");
        let name = fl_abi::cmdline::arguments(line).next().unwrap_or_default();
        let Some(at) = rest.find(&announced) else {
            missing.push(line.clone());
            continue;
        };
        rest = &rest[at + announced.len()..];
        if rest.starts_with(&format!("load: {name}: ")) {
            missing.push(line.clone());
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn every_status_of_qemu_has_its_meaning() {
        let ends = |status, console, log| by_status(status, console, log).unwrap();
        assert_eq!(ends(exited(33), "x", ""), End::PoweredOff);
        assert_eq!(ends(exited(35), "x", ""), End::Panicked);
        let console = "boot\nFaultline cannot start: no such option\n";
        assert_eq!(ends(exited(39), console, ""), End::Refused("no such option".into()));
        assert_eq!(ends(exited(0), "x", ""), End::Reset);
        assert_eq!(ends(exited(1), "x", "qemu-system-x86_64: oh\n"), End::Died("exit status 1: oh".into()));
        assert_eq!(ends(ExitStatus::from_raw(11), "", ""), End::Died("killed by signal 11".into()));
    }

    #[test]
    fn a_command_line_that_qemu_refuses_is_wrong_usage() {
        let log = "qemu-system-x86_64: unable to find CPU model 'foo'\n\n";
        let error = by_status(exited(1), "", log).unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("refused to start: unable to find CPU model 'foo'"), "{error}");
    }

    #[test]
    fn programs_are_announced_in_order() {
        let exec = ["a", "b x", "a"].map(str::to_owned);
        let console = "Executing 'a':\nExecution of 'a' complete.\nExecuting 'b x':\n";
        assert_eq!(not_started(&exec, console), ["a"]);
        assert_eq!(not_started(&exec, ""), exec);
        assert_eq!(not_started(&exec[1..2], "Executing 'b x':\nload: b: no memory\n"), ["b x"]);
        assert!(not_started(&exec, &format!("{console}Executing 'a':\n")).is_empty());
    }
}
