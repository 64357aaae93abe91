//! Watches a running QEMU: copies its output, times the first program, and ends it at the time limit or on a signal.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::demux::Demux;
use super::feed::Feed;
use super::sink::{Follower, Gate};
use super::{Run, RunDir, child, signals};
use crate::qemu::{self, Machine, Ports};
use crate::{Error, Result};

/// What the kernel prints before the first program; what is timed is when it appears.
const FIRST_PROGRAM: &[u8] = b"Executing '";

/// What the kernel's first words on the console begin with; a firmware may have used it before.
const KERNEL_SPEAKS: [&[u8]; 2] = [b"Faultline ", b"KERNEL PANIC: "];
/// The kernel opens the trace with the end of a packet; a firmware's text has no such byte.
const TRACE_BEGINS: [&[u8]; 1] = [&[0]];

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
    /// Where one port carries both.
    demux: Option<Demux>,
    /// The guest's input, until its first program runs.
    feed: Option<Feed>,
}

impl Streams {
    /// Opens what the run asks for.
    pub(super) fn open(dir: &RunDir, run: &Run, machine: &Machine) -> Result<Self> {
        let outputs = machine.outputs();
        let shared = machine.ports == Ports::Shared;
        let console_file = dir.file(if shared { qemu::CONSOLE } else { outputs.0 });
        let demux = shared.then(|| Demux::create(&console_file)).transpose()?;
        let mut console = Follower::open(&console_file)?;
        let mut trace = Follower::open(&dir.file(outputs.1))?;
        if outputs != (qemu::CONSOLE, qemu::TRACE) {
            if !shared {
                console.wait_for(Gate::words(&KERNEL_SPEAKS));
                console.copy_to_file(&dir.file(qemu::CONSOLE))?;
            }
            trace.wait_for(Gate::words(&TRACE_BEGINS));
            trace.copy_to_file(&dir.file(qemu::TRACE))?;
        }
        if run.show_console {
            console.copy_to_stdout();
        }
        if let Some(path) = &run.console_to {
            console.copy_to_file(path)?;
        }
        if let Some(path) = &run.trace_to {
            trace.copy_to_file(path)?;
        }
        Ok(Self { console, trace, demux, feed: None })
    }
}

impl Streams {
    /// Gives the guest this to read.
    pub(super) fn feed(&mut self, feed: Feed) {
        self.feed = Some(feed);
    }

    fn follow_trace(&mut self) -> Result<()> {
        let Self { trace, demux, .. } = self;
        match demux {
            Some(demux) => {
                trace.follow(|part| demux.push(part))?;
                demux.check()
            }
            None => trace.follow(|_| ()),
        }
    }
}

/// Waits for the end; QEMU is not running afterwards, whatever the result.
pub(super) fn until_end(child: &mut Child, streams: &mut Streams, limits: &Limits<'_>) -> Result<Watched> {
    let result = watch(child, streams, limits);
    child::end(child);
    result
}

fn watch(child: &mut Child, streams: &mut Streams, limits: &Limits<'_>) -> Result<Watched> {
    let mut seen = Gate::words(&[FIRST_PROGRAM]);
    let mut first_program = None;
    loop {
        // Asked before the last look, so that nothing written before the end is missed.
        let ended = why_ended(child, limits)?;
        if matches!(ended, Some(Ended::Timeout | Ended::Signal(_))) {
            child::end(child);
        }
        streams.follow_trace()?;
        streams.console.follow(|part| {
            if first_program.is_none() && seen.pass(part).is_some() {
                first_program = Some(limits.started.elapsed());
            }
        })?;
        if let Some(feed) = streams.feed.take_if(|_| first_program.is_some()) {
            feed.begin();
        }
        if let Some(ended) = ended {
            streams.console.give_up_waiting()?;
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
