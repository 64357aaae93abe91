//! Watches a running QEMU: copies its output, times the first program, and ends it at the time limit or on a signal.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::sink::Follower;
use super::{Run, RunDir, child, signals};
use crate::{Error, Result, qemu};

/// What the kernel prints before the first program; what is timed is when it appears.
const FIRST_PROGRAM: &[u8] = b"Executing '";

/// How often to look before the first program runs (it is what the time is measured by) and afterwards.
const FINE: Duration = Duration::from_millis(1);
const COARSE: Duration = Duration::from_millis(10);

/// Why the watching ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// QEMU ended by itself.
    Exited(ExitStatus),
    /// We ended it at the time limit.
    Timeout,
    /// We ended it because of this signal.
    Signal(i32),
}

/// What was seen.
pub(super) struct Watched {
    pub(super) ended: Ended,
    /// From QEMU's start to the first program; `None` if there was none.
    pub(super) first_program: Option<Duration>,
}

/// When to stop.
pub(super) struct Limits<'a> {
    pub(super) started: Instant,
    pub(super) timeout: Option<Duration>,
    pub(super) signals: &'a signals::Active,
}

/// QEMU's two outputs and who gets copies.
pub(super) struct Streams {
    console: Follower,
    trace: Follower,
}

impl Streams {
    /// Opens what the run asks for.
    pub(super) fn open(dir: &RunDir, run: &Run) -> Result<Self> {
        let mut console = Follower::open(&dir.file(qemu::CONSOLE))?;
        let mut trace = Follower::open(&dir.file(qemu::TRACE))?;
        if run.show_console {
            console.copy_to_stdout();
        }
        if let Some(path) = &run.console_to {
            console.copy_to_file(path)?;
        }
        if let Some(path) = &run.trace_to {
            trace.copy_to_file(path)?;
        }
        Ok(Self { console, trace })
    }
}

/// Waits for the end; QEMU is not running afterwards, whatever the result.
pub(super) fn until_end(child: &mut Child, streams: &mut Streams, limits: &Limits<'_>) -> Result<Watched> {
    let result = watch(child, streams, limits);
    child::end(child);
    result
}

fn watch(child: &mut Child, streams: &mut Streams, limits: &Limits<'_>) -> Result<Watched> {
    let mut seen = Seen::default();
    let mut first_program = None;
    loop {
        // Asked before the last look, so that nothing written before the end is missed.
        let ended = why_ended(child, limits)?;
        if matches!(ended, Some(Ended::Timeout | Ended::Signal(_))) {
            child::end(child);
        }
        streams.console.follow(|part| {
            if first_program.is_none() && seen.contains_after(part, FIRST_PROGRAM) {
                first_program = Some(limits.started.elapsed());
            }
        })?;
        streams.trace.follow(|_| ())?;
        if let Some(ended) = ended {
            return Ok(Watched { ended, first_program });
        }
        thread::sleep(if first_program.is_none() { FINE } else { COARSE });
    }
}

fn why_ended(child: &mut Child, limits: &Limits<'_>) -> Result<Option<Ended>> {
    let waited = child.try_wait().map_err(|source| Error::CannotStart { program: "QEMU".into(), source })?;
    if let Some(status) = waited {
        return Ok(Some(Ended::Exited(status)));
    }
    if let Some(signal) = limits.signals.received() {
        return Ok(Some(Ended::Signal(signal)));
    }
    let late = limits.timeout.is_some_and(|timeout| limits.started.elapsed() >= timeout);
    Ok(late.then_some(Ended::Timeout))
}

/// Finds a text in a stream that comes in parts.
#[derive(Default)]
struct Seen {
    /// The end of what came before, shorter than the text.
    tail: Vec<u8>,
}

impl Seen {
    /// Whether `text` is complete now that `part` has come.
    fn contains_after(&mut self, part: &[u8], text: &[u8]) -> bool {
        self.tail.extend_from_slice(part);
        let found = self.tail.windows(text.len()).any(|window| window == text);
        let keep = self.tail.len().min(text.len() - 1);
        self.tail.drain(..self.tail.len() - keep);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cut_in_two_is_found_when_its_end_comes() {
        let mut seen = Seen::default();
        assert!(!seen.contains_after(b"boot\nExecu", FIRST_PROGRAM));
        assert!(!seen.contains_after(b"ting", FIRST_PROGRAM));
        assert!(seen.contains_after(b" 'hello'", FIRST_PROGRAM));
    }
}
