//! Runs the programs on the machine that counts instructions, or on one and on two processors, and reads what they print.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use vmtrace::Trace;
use vmtrace::synth::{self, Plan};

use super::table::{DRAINED, HostTime, Row, Source};
use crate::run::{End, Outcome, Run};
use crate::{Artifacts, Error, Result};

/// User frames, kernel frames and swap pages of the machine under memory pressure: `bench-swap` uses twice the user frames.
const PRESSED: (u32, u32, u32) = (512, 1024, 2048);

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
    /// By key, under memory pressure.
    pub(super) pressed: BTreeMap<String, Number>,
    /// By key, with the trace on.
    pub(super) traced: BTreeMap<String, Number>,
    /// By program: its numbers by key on one processor and on two, pair by pair.
    pub(super) pairs: BTreeMap<&'static str, Vec<[BTreeMap<String, Number>; 2]>>,
    /// By key, as the kernel tells of itself, with the trace on.
    pub(super) kernel: BTreeMap<String, Number>,
    pub(super) bytes_per_event: Option<f64>,
    /// What sending an event takes.
    pub(super) drain: Option<f64>,
    /// Milliseconds.
    pub(super) first_program: Option<f64>,
    /// Megabytes and millions of events in a second.
    pub(super) decoded: Option<[f64; 2]>,
}

impl Measured {
    pub(super) fn host(&self, time: HostTime) -> Option<f64> {
        match time {
            HostTime::FirstProgram => self.first_program,
            HostTime::DecodedBytes => self.decoded.map(|[bytes, _]| bytes),
            HostTime::DecodedEvents => self.decoded.map(|[_, events]| events),
        }
    }

    /// What `program` measures as `key` on one processor over what it measures on two, in percent; by the same of `against`, if that is given.
    pub(super) fn on_two(&self, program: &str, key: &str, against: Option<&str>) -> Option<Number> {
        let gain = |[one, two]: &[BTreeMap<String, Number>; 2], key: &str| {
            Some(one.get(key)?.median / two.get(key)?.median.max(1.0))
        };
        let by = |pair| Some(gain(pair, key)? / against.map_or(Some(1.0), |other| gain(pair, other))?);
        let mut percent: Vec<f64> =
            self.pairs.get(program)?.iter().map(|pair| Some(100.0 * by(pair)?)).collect::<Option<_>>()?;
        percent.sort_by(f64::total_cmp);
        let median = percent.get(percent.len() / 2)?.round();
        let mean = percent.iter().sum::<f64>() / percent.len() as f64;
        Some(Number { median, mean: Some((mean as u64, percent.len() as u64)) })
    }
}

pub(super) fn measure(artifacts: Artifacts, rows: &[&Row]) -> Result<Measured> {
    let mut measured = Measured::default();
    let (mut plain, mut traced, mut pressed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut draining, mut decoding) = (false, false);
    for row in rows {
        match row.source {
            Source::Program { program, .. } => plain.push(program),
            Source::Recording { program, .. } => {
                plain.push(program);
                traced.push(program);
            }
            Source::TwoProcessors { program, .. } | Source::TwoAgainst { program, .. } => {
                if !measured.pairs.contains_key(program) {
                    measured.pairs.insert(program, pairs(&artifacts, program)?);
                }
            }
            Source::Pressure { program, .. } => pressed.push(program),
            Source::Wire => traced.push("bench-vm"), // for something to be traced
            Source::Kernel { .. } => traced.push("bench-syscall"), // for something to be run
            Source::Drain => draining = true,
            Source::MachineWide { program, .. } => {
                plain.push(program);
                traced.push(program);
                draining = true;
            }
            Source::Host(HostTime::FirstProgram) => plain.push("bench-syscall"),
            Source::Host(HostTime::DecodedBytes | HostTime::DecodedEvents) => decoding = true,
            Source::NotYet(_) => {}
        }
    }
    if !plain.is_empty() {
        let outcome = boot(machine(&artifacts, false), &plain)?;
        measured.plain = numbers(&outcome.console);
        measured.first_program = outcome.first_program.map(|time| time.as_secs_f64() * 1e3);
    }
    if !pressed.is_empty() {
        let mut machine = machine(&artifacts, false);
        (machine.user_frames, machine.kernel_frames) = (Some(PRESSED.0), Some(PRESSED.1));
        machine.swap_pages = Some(PRESSED.2);
        measured.pressed = numbers(&boot(machine, &pressed)?.console);
    }
    if !traced.is_empty() {
        let outcome = boot(machine(&artifacts, true), &traced)?;
        measured.traced = numbers(&outcome.console);
        measured.kernel = measured.traced.clone();
        measured.bytes_per_event = Some(bytes_per_event(&outcome)?);
    }
    if draining {
        measured.drain = Some(drain(&artifacts)?);
    }
    if decoding {
        measured.decoded = decode();
    }
    Ok(measured)
}

/// Pairs of runs on one processor and on two; odd, for the median.
const PAIRS: usize = 11;
/// Memory of those machines in MiB: for all pages of both processes.
const MEMORY: u32 = 256;

/// What the program measures on one processor and on two, over and over.
fn pairs(artifacts: &Artifacts, program: &str) -> Result<Vec<[BTreeMap<String, Number>; 2]>> {
    let on = |processors| -> Result<_> {
        let mut run = Run::new(artifacts.clone());
        (run.smp, run.mem_mib, run.ramdisk) = (processors, MEMORY, true);
        Ok(numbers(&to_the_end(run.kernel_arg("trace", "none").exec(program))?.console))
    };
    (0..PAIRS).map(|_| Ok([on(1)?, on(2)?])).collect()
}

/// What vmtrace's decoder makes of a made-up run in a second: megabytes and millions of events, the best of some.
fn decode() -> Option<[f64; 2]> {
    /// Processes of the run, of some 1000 pages each: some ten megabytes.
    const PROCESSES: u32 = 800;
    const TIMES: usize = 3;
    let plan = Plan { cpus: 1, processes: PROCESSES, sweep: 1000, ..Plan::default() };
    let wire = synth::Run::new(plan).encode().bytes;
    let best = (0..TIMES).filter_map(|_| {
        let begun = Instant::now();
        let trace = Trace::from_bytes(&wire).ok()?;
        let seconds = begun.elapsed().as_secs_f64();
        Some([wire.len() as f64, trace.events().len() as f64].map(|n| n / seconds / 1e6))
    });
    best.max_by(|a, b| a[0].total_cmp(&b[0]))
}

/// The machine that counts instructions.
fn machine(artifacts: &Artifacts, trace: bool) -> Run {
    let mut run = Run::new(artifacts.clone());
    (run.icount, run.ramdisk) = (true, true);
    match trace {
        true => with_the_kernels_own(run),
        false => run.kernel_arg("trace", "none"),
    }
}

/// The kernel, too, prints what it measures.
fn with_the_kernels_own(run: Run) -> Run {
    run.kernel_arg("selftest", "bench")
}

/// What the machine works more when it traces the program [`DRAINED`], per event, the recording of its faults not included. Each event is sent by the time
/// that the kernel tells how long it has worked.
fn drain(artifacts: &Artifacts) -> Result<f64> {
    /// A fault whose recording is measured.
    const FAULT: &str = "fault-anonymous";
    let traced = boot(machine(artifacts, true), &[DRAINED])?;
    let plain = boot(with_the_kernels_own(machine(artifacts, false)), &[DRAINED])?;
    let more = |key: &str| -> Result<f64> {
        let of = |outcome: &Outcome| {
            let number = numbers(&outcome.console).remove(key);
            number.map(|n| n.median).ok_or_else(|| failed(outcome, &format!("no measurement of {key}")))
        };
        Ok(of(&traced)? - of(&plain)?)
    };
    let trace = trace_of(&traced)?;
    let (events, faults) = (trace.events().len() as f64, trace.faults().count() as f64);
    Ok(((more("work")? - more(FAULT)? * faults) / events).round())
}

/// Runs each of the programs once, in order.
fn boot(mut run: Run, programs: &[&str]) -> Result<Outcome> {
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
    match trace_of(outcome)?.events().len() {
        0 => Err(failed(outcome, "the trace has no event")),
        events => Ok(bytes as f64 / events as f64),
    }
}

fn trace_of(outcome: &Outcome) -> Result<Trace> {
    Trace::open(outcome.trace())
        .map_err(|error| failed(outcome, &format!("the trace cannot be read: {error}")))
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
    Some((key.to_owned(), Number { median: median.parse::<u64>().ok()? as f64, mean }))
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

    #[test]
    fn two_processors_are_compared_with_one_pair_by_pair() {
        let run = |faults, computing| {
            let of = |median| Number { median, mean: None };
            BTreeMap::from([("faults".to_owned(), of(faults)), ("computing".to_owned(), of(computing))])
        };
        let pairs = vec![
            [run(200.0, 200.0), run(100.0, 100.0)],
            [run(200.0, 150.0), run(125.0, 100.0)],
            [run(190.0, 200.0), run(100.0, 100.0)],
        ];
        let measured = Measured { pairs: BTreeMap::from([("p", pairs)]), ..Measured::default() };
        let median = |against| measured.on_two("p", "faults", against).map(|number| number.median);
        assert_eq!(median(None), Some(190.0), "of 200, 160 and 190");
        assert_eq!(median(Some("computing")), Some(100.0), "of 100, 107 and 95");
        assert_eq!(measured.on_two("p", "faults", Some("nothing")), None);
        assert_eq!(measured.on_two("q", "faults", None), None);
    }
}
