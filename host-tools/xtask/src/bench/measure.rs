//! Runs the programs on the machine that counts instructions, or on one and on two processors, and reads what they print.

use std::collections::BTreeMap;
use std::fs;

use vmtrace::Trace;

use super::table::{Row, Source};
use crate::run::{End, Outcome, Run};
use crate::{Artifacts, Error, Result};

/// A measured number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Number {
    /// What is compared with the target.
    pub(super) median: f64,
    /// The mean, timer ticks and the drain of the trace included, and how many samples there were.
    pub(super) mean: Option<(u64, u64)>,
}

/// What the runs showed.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Measured {
    /// By key, with the trace off.
    pub(super) plain: BTreeMap<String, Number>,
    /// By key, with the trace on.
    pub(super) traced: BTreeMap<String, Number>,
    /// By key, in percent: one processor over two.
    pub(super) processors: BTreeMap<String, Number>,
    pub(super) bytes_per_event: Option<f64>,
}

pub(super) fn measure(artifacts: Artifacts, rows: &[&Row]) -> Result<Measured> {
    let mut measured = Measured::default();
    let (mut plain, mut traced) = (Vec::new(), Vec::new());
    for row in rows {
        match row.source {
            Source::Program { program, .. } => plain.push(program),
            Source::Recording { program, .. } => {
                plain.push(program);
                traced.push(program);
            }
            Source::TwoProcessors { program, key } => {
                measured.processors.insert(key.to_owned(), pairs(&artifacts, program, key)?);
            }
            Source::Wire => traced.push("bench-vm"), // for something to be traced
            Source::NotYet(_) => {}
        }
    }
    if !plain.is_empty() {
        measured.plain = numbers(&boot(&artifacts, &plain, false)?.console);
    }
    if !traced.is_empty() {
        let outcome = boot(&artifacts, &traced, true)?;
        measured.traced = numbers(&outcome.console);
        measured.bytes_per_event = Some(bytes_per_event(&outcome)?);
    }
    Ok(measured)
}

/// Pairs of runs on one processor and on two; odd, for the median.
const PAIRS: usize = 11;
/// Memory of those machines in MiB: for all pages of both processes.
const MEMORY: u32 = 256;

/// What the program measures on one processor over what it measures on two, in percent.
fn pairs(artifacts: &Artifacts, program: &str, key: &str) -> Result<Number> {
    let on = |processors| -> Result<f64> {
        let mut run = Run::new(artifacts.clone());
        (run.smp, run.mem_mib, run.ramdisk) = (processors, MEMORY, true);
        let outcome = to_the_end(run.kernel_arg("trace", "none").exec(program))?;
        let number = numbers(&outcome.console).remove(key);
        number.map(|n| n.median).ok_or_else(|| failed(&outcome, &format!("no measurement of {key}")))
    };
    let mut percent = Vec::new();
    for _ in 0..PAIRS {
        percent.push(100.0 * on(1)? / on(2)?.max(1.0));
    }
    percent.sort_by(f64::total_cmp);
    let mean = percent.iter().sum::<f64>() / PAIRS as f64;
    Ok(Number { median: percent[PAIRS / 2].round(), mean: Some((mean as u64, PAIRS as u64)) })
}

/// Runs each of the programs once, in order, on the machine that counts instructions.
fn boot(artifacts: &Artifacts, programs: &[&str], trace: bool) -> Result<Outcome> {
    let mut run = Run::new(artifacts.clone());
    (run.icount, run.ramdisk) = (true, true);
    if !trace {
        run = run.kernel_arg("trace", "none");
    }
    for program in programs {
        if !run.exec.iter().any(|known| known == program) {
            run = run.exec(program);
        }
    }
    to_the_end(run)
}

fn to_the_end(run: Run) -> Result<Outcome> {
    let outcome = run.start()?;
    if let End::Signal(signal) = outcome.end {
        return Err(Error::Stopped(signal));
    }
    match outcome.complaint() {
        Some(complaint) => Err(failed(&outcome, &complaint)),
        None => Ok(outcome),
    }
}

fn failed(outcome: &Outcome, why: &str) -> Error {
    Error::Bench { why: format!("{why} (the console: {})", outcome.dir.file(crate::qemu::CONSOLE).display()) }
}

/// All bytes of the trace by all events in it. Events that the kernel dropped were not sent and do not count.
fn bytes_per_event(outcome: &Outcome) -> Result<f64> {
    let file = outcome.trace();
    let bytes = fs::metadata(&file).map_err(Error::reading(&file))?.len();
    let trace =
        Trace::open(&file).map_err(|error| failed(outcome, &format!("the trace cannot be read: {error}")))?;
    match trace.events().len() {
        0 => Err(failed(outcome, "the trace has no event")),
        events => Ok(bytes as f64 / events as f64),
    }
}

/// The lines of the console that are measurements.
fn numbers(console: &str) -> BTreeMap<String, Number> {
    console.lines().filter_map(number).collect()
}

fn number(line: &str) -> Option<(String, Number)> {
    let words: Vec<&str> = line.split(' ').collect();
    let &["bench", key, "median", median, "mean", mean, "samples", samples] = words.as_slice() else {
        return None;
    };
    let mean = Some((mean.parse().ok()?, samples.parse().ok()?));
    Some((key.to_owned(), Number { median: f64::from(median.parse::<u32>().ok()?), mean }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_the_programs_are_measurements() {
        let console = "Executing 'bench-vm':\nbench fault-x median 12 mean 34 samples 5\nbench-vm: exit(0)\n\
                       bench fault-y median 12 mean\nbench fault-z median -1 mean 34 samples 5\n";
        let x = Number { median: 12.0, mean: Some((34, 5)) };
        assert_eq!(numbers(console), BTreeMap::from([("fault-x".to_owned(), x)]));
    }
}
