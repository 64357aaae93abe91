//! One boot: a batch of scenarios on one machine, its console and trace taken apart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, iter};

use fl_addr::Pid;
use fl_trace::event::Event;
use vmtrace::Trace;

use super::plan::Batch;
use super::{Judged, Suite, Verdict};
use crate::run::{End, Outcome, Run, audit};
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
    /// Its pages that were evicted.
    pub evictions: u64,
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
    let trouble = match &trace {
        // Whoever ended the machine, those that come after it are not to blame.
        Ok(trace) => audit(&outcome, trace).or_else(|| outcome.complaint()),
        Err(error) => outcome.complaint().or_else(|| Some(format!("the trace cannot be read: {error}"))),
    };
    let costs = trace.map(|trace| costs(&trace)).unwrap_or_default();
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
    (run.smp, run.icount) = (suite.smp, suite.icount);
    let frames = suite.user_frames.map_or(first.frames, |cap| cap.of(first.frames));
    run.user_frames = Some(frames);
    run.kernel_frames = Some(first.frames);
    // With less memory than the scenario asks for the swap space makes up for it: together they hold as much.
    run.swap_pages = Some(first.swap_pages + first.frames.saturating_sub(frames));
    run.timeout = Some(suite.timeout + EACH * (batch.scenarios.len() as u32 - 1));
    // Every event counts: the trace is compared with the invariants.
    run.kernel_args.push(("trace".to_owned(), "block".to_owned()));
    if let Some(policy) = suite.policy {
        run.kernel_args.push(("policy".to_owned(), policy.name().to_owned()));
    }
    Ok(match suite.chaos {
        Some(seed) => run.chaos(seed, !first.asks_for_frames),
        None => run,
    })
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
    let hz = trace.hello().map_or(1, |hello| hello.tsc_hz.max(1)) as f64;
    let parent =
        |pid| processes.get(pid).and_then(|process| process.parent).filter(|&parent| parent != Pid(0));
    let first_of = |pid| iter::successors(Some(pid), |&pid| parent(pid)).last().unwrap_or(pid);
    let mut counts: BTreeMap<Pid, [u64; 2]> = BTreeMap::new();
    for seen in trace.events() {
        match seen.event {
            Event::Fault(fault) => counts.entry(first_of(fault.pid)).or_default()[0] += 1,
            Event::Evicted(evicted) if evicted.outcome.takes_frame() => {
                counts.entry(first_of(evicted.pid)).or_default()[1] += 1;
            }
            _ => {}
        }
    }
    let first = processes.all().iter().filter(|process| process.parent == Some(Pid(0)));
    first
        .map(|process| {
            let (from, to) = process.life();
            let [faults, evictions] = counts.get(&process.pid).copied().unwrap_or_default();
            (process.name_text(), Cost { seconds: (to - from) as f64 / hz, faults, evictions })
        })
        .collect()
}
