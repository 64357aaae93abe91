//! Runs the programs on the machine that counts instructions and reads what they print.

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

/// What a run showed.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Measured {
    /// By key.
    pub(super) numbers: BTreeMap<String, Number>,
    pub(super) bytes_per_event: Option<f64>,
}

pub(super) fn measure(artifacts: Artifacts, rows: &[&Row]) -> Result<Measured> {
    let mut run = Run::new(artifacts);
    (run.icount, run.ramdisk) = (true, true);
    for row in rows {
        match row.source {
            Source::Program { program, .. } if !run.exec.iter().any(|known| known == program) => {
                run = run.exec(program)
            }
            _ => {}
        }
    }
    let wire = rows.iter().any(|row| row.source == Source::Wire);
    if run.exec.is_empty() {
        if !wire {
            return Ok(Measured::default());
        }
        run = run.exec("bench-vm"); // for something to be traced
    }
    let outcome = run.start()?;
    if let End::Signal(signal) = outcome.end {
        return Err(Error::Stopped(signal));
    }
    if let Some(complaint) = outcome.complaint() {
        return Err(failed(&outcome, &complaint));
    }
    let bytes_per_event = if wire { Some(bytes_per_event(&outcome)?) } else { None };
    Ok(Measured { numbers: numbers(&outcome.console), bytes_per_event })
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
