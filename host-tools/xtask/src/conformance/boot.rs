//! One boot: a batch of scenarios on one machine, its console and trace taken apart.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fl_addr::Pid;
use fl_trace::event::Event;
use vmtrace::Trace;

use super::plan::Batch;
use super::{Judged, Suite, Verdict};
use crate::run::{End, Outcome, Run};
use crate::{Error, Result};

/// Lines of the console that a failure shows.
const TAIL: usize = 25;
/// Further time for each further scenario of a boot.
const EACH: Duration = Duration::from_secs(20);

/// What a scenario took, its children included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cost {
    /// From the program's start to its end, in seconds of the guest.
    pub seconds: f64,
    /// Page faults.
    pub faults: u64,
}

/// A batch that ran.
#[derive(Debug)]
pub(super) struct Booted {
    pub(super) batch: Batch,
    pub(super) judged: Vec<Judged>,
    /// What is wrong with the machine as a whole.
    trouble: Option<String>,
    /// Where the machine's console and trace lie, if it was in trouble.
    dir: PathBuf,
}

impl Booted {
    /// Whether the machine went wrong while it ran several scenarios, so that it is not known which of them does it.
    pub(super) fn is_shared_trouble(&self) -> bool {
        self.trouble.is_some() && self.batch.scenarios.len() > 1
    }

    /// Whether one of its scenarios goes wrong alone, too.
    pub(super) fn explained_by(&self, alone: &[Booted]) -> bool {
        let ours = |judged: &Judged| self.batch.scenarios.iter().any(|s| s.name == judged.scenario.name);
        let failed = |judged: &&Judged| matches!(judged.verdict, Verdict::Fail { .. });
        alone.iter().flat_map(|booted| &booted.judged).filter(failed).any(ours)
    }

    pub(super) fn describe_trouble(&self) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        Some(format!("{trouble} (running {}; all of it: {})", self.batch.names(), self.dir.display()))
    }
}

/// Runs a batch.
///
/// # Errors
/// The machine cannot be started, or a file not be read or written.
pub(super) fn boot(suite: &Suite, batch: &Batch) -> Result<Booted> {
    let outcome = prepare(suite, batch)?.start()?;
    if let End::Signal(signal) = outcome.end {
        return Err(Error::Stopped(signal));
    }
    let trace = Trace::open(outcome.trace());
    let trouble = trouble(&outcome, &trace).or_else(|| {
        // Whoever ended the machine, those that come after it are not to blame.
        let first = outcome.not_started.first()?;
        Some(format!("the machine powered off before '{first}' was started"))
    });
    let costs = trace.as_ref().map(costs).unwrap_or_default();
    let alone = batch.scenarios.len() == 1;
    let mut judged = Vec::new();
    for &scenario in &batch.scenarios {
        let shown = suite.programs.judge(scenario, &outcome.console, outcome.dir.path())?;
        let verdict = match (shown, &trouble) {
            (Ok(()), Some(trouble)) if alone => fail(trouble.clone(), &outcome),
            (Ok(()), _) => Verdict::Pass,
            (Err(why), Some(trouble)) if alone => fail(format!("{why}; {trouble}"), &outcome),
            (Err(why), _) => fail(why, &outcome),
        };
        let cost = costs.iter().find(|(name, _)| name.as_str() == cut(scenario.name)).map(|(_, cost)| *cost);
        judged.push(Judged { scenario, verdict, cost });
    }
    if trouble.is_none() && judged.iter().all(|judged| judged.verdict == Verdict::Pass) {
        // Only failures are worth looking at again; a folder that cannot be removed is pruned later.
        let _ = fs::remove_dir_all(outcome.dir.path());
    }
    Ok(Booted { batch: batch.clone(), judged, trouble, dir: outcome.dir.path().to_owned() })
}

fn prepare(suite: &Suite, batch: &Batch) -> Result<Run> {
    let first = batch.scenarios[0];
    let mut run = Run::new(suite.artifacts.clone());
    run.artifacts.output = suite.artifacts.output.join("conformance");
    run.exec = batch.scenarios.iter().map(|scenario| scenario.command_line()).collect();
    suite.programs.place(batch, &mut run)?;
    run.smp = suite.smp;
    run.user_frames = Some(suite.user_frames.unwrap_or(first.frames));
    run.kernel_frames = Some(first.frames);
    run.timeout = Some(suite.timeout + EACH * (batch.scenarios.len() as u32 - 1));
    // Every event counts: the trace is compared with the invariants.
    run.kernel_args.push(("trace".to_owned(), "block".to_owned()));
    if let Some(policy) = &suite.policy {
        run.kernel_args.push(("policy".to_owned(), policy.clone()));
    }
    Ok(run)
}

/// What is wrong with the machine as a whole, if anything is.
fn trouble(outcome: &Outcome, trace: &Result<Trace, vmtrace::Error>) -> Option<String> {
    let said = |what: &str| Some(what.to_owned());
    match &outcome.end {
        End::PoweredOff => {}
        End::Panicked => return said("the kernel panicked"),
        End::Timeout => return Some(format!("still ran after {:.0} s", outcome.duration.as_secs_f64())),
        _ => return outcome.complaint(),
    }
    if !outcome.console.contains("\nLeaks: none (") {
        return said("the kernel leaks: see the line that begins with Leaks:");
    }
    let trace = match trace {
        Ok(trace) => trace,
        Err(error) => return Some(format!("the trace cannot be read: {error}")),
    };
    if !trace.loss().is_complete() {
        return said("the trace is incomplete");
    }
    let report = trace.check();
    let broken: Vec<&str> =
        report.results.iter().filter(|(_, judged)| judged.broken > 0).map(|(rule, _)| rule.text()).collect();
    (!broken.is_empty()).then(|| format!("the trace breaks invariants: {}", broken.join("; ")))
}

fn fail(why: String, outcome: &Outcome) -> Verdict {
    let lines: Vec<&str> = outcome.console_tail(TAIL).collect();
    Verdict::Fail {
        why,
        tail: format!("{}\n(all of it: {})", lines.join("\n"), outcome.dir.path().display()),
    }
}

/// A name as processes have it.
fn cut(name: &str) -> &str {
    &name[..name.len().min(fl_abi::NAME_MAX)]
}

/// What each process that the kernel started took, with all that descend from it, by name.
fn costs(trace: &Trace) -> Vec<(String, Cost)> {
    let processes = trace.processes();
    let hz = trace.hello().map_or(0, |hello| hello.tsc_hz);
    let root = |mut pid: Pid| loop {
        match processes.get(pid).and_then(|process| process.parent) {
            Some(parent) if parent != Pid(0) => pid = parent,
            _ => return pid,
        }
    };
    let roots = processes.all().iter().filter(|process| process.parent == Some(Pid(0)));
    roots
        .map(|process| {
            let (from, to) = process.life();
            let faults = trace
                .events()
                .iter()
                .filter(|seen| matches!(&seen.event, Event::Fault(f) if root(f.pid) == process.pid));
            let cost = Cost { seconds: (to - from) as f64 / hz.max(1) as f64, faults: faults.count() as u64 };
            (process.name_text(), cost)
        })
        .collect()
}
