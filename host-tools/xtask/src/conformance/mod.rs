//! Runs the conformance scenarios: what `cargo xtask conformance` does.
//!
//! The table is data of crate `scenarios`. The way through: [`Suite`] says whose programs run ([`programs`]) and on what machine;
//! [`plan`] puts scenarios together that may share a boot; [`boot`] runs one such batch and takes its console and trace apart;
//! [`judge`] compares with what is expected; [`report`] shows the verdicts.

mod boot;
mod judge;
mod parallel;
mod plan;
mod programs;
mod report;
mod set;

pub use programs::Programs;
pub use report::Report;
pub use set::Set;

use std::time::Duration;

use fl_reclaim::Choice;
use scenarios::table::{self, Part, Scenario};

use crate::cli::FrameCap;
use crate::{Artifacts, Result};
use boot::{Booted, Cost};
use plan::Batch;

/// What to run, whose programs, and where.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The kernel, and our programs.
    pub artifacts: Artifacts,
    /// Whose programs run, and who judges.
    pub programs: Programs,
    /// Words of which a scenario's name must contain one; none: all scenarios.
    pub filter: Vec<String>,
    /// Only scenarios of this set.
    pub set: Option<Set>,
    /// Also run the scenarios of parts that the kernel does not have.
    pub later: bool,
    /// Processors of each machine.
    pub smp: u32,
    /// Frames for user pages instead of what each scenario asks for.
    pub user_frames: Option<FrameCap>,
    /// Which pages to evict first, for a kernel that evicts.
    pub policy: Option<Choice>,
    /// The seed of chaos: what happens at the kernel's marked places. For a checked build.
    pub chaos: Option<u64>,
    /// Count instructions instead of time: each boot repeats to the byte, chaos included.
    pub icount: bool,
    /// How many machines run at once.
    pub jobs: usize,
    /// How long one machine may take for one scenario.
    pub timeout: Duration,
}

/// How a scenario came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It showed exactly what it must, on a machine that ended in order.
    Pass,
    /// It did not: why, and the end of the console.
    Fail {
        /// In a line.
        why: String,
        /// The console's last lines.
        tail: String,
    },
    /// The part of the kernel that it needs is not there: it was not run.
    NotYet(Part),
    /// The programs given do not include it: it was not run.
    Missing(String),
}

/// A scenario and what came of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which.
    pub scenario: &'static Scenario,
    /// How it came out.
    pub verdict: Verdict,
    /// What it took, if the trace tells.
    pub cost: Option<Cost>,
}

impl Suite {
    /// A suite of all that the kernel can do, with our programs, as parallel as the processors allow.
    pub fn new(artifacts: Artifacts) -> Self {
        Self {
            artifacts,
            programs: Programs::Ours,
            filter: Vec::new(),
            set: None,
            later: false,
            smp: 1,
            user_frames: None,
            policy: None,
            chaos: None,
            icount: false,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(180),
        }
    }

    /// Runs the suite; `progress` is told each boot's scenarios when it has ended.
    ///
    /// # Errors
    /// A machine cannot be started, or a file not be read or written. What goes wrong inside a machine is a verdict.
    pub fn run(&self, progress: impl Fn(&[Judged]) + Sync) -> Result<Report> {
        let mut judged: Vec<Judged> = Vec::new();
        let mut wanted = Vec::new();
        for scenario in table::all().filter(|scenario| self.selects(scenario)) {
            let verdict = match self.programs.missing(&self.artifacts, scenario) {
                _ if scenario.part > table::KERNEL_HAS && !self.later => Verdict::NotYet(scenario.part),
                Some(what) => Verdict::Missing(what),
                None => {
                    wanted.push(scenario);
                    continue;
                }
            };
            judged.push(Judged { scenario, verdict, cost: None });
        }
        let batches = plan::batches(&wanted, self.programs.per_boot(self.jobs));
        let booted = self.boot(&batches, &progress)?;
        // What went wrong with a machine as a whole is blamed on a scenario only if it does so alone.
        let (troubled, calm): (Vec<Booted>, Vec<Booted>) =
            booted.into_iter().partition(Booted::is_shared_trouble);
        let alone: Vec<Batch> = troubled.iter().flat_map(|booted| booted.batch.split()).collect();
        let again = self.boot(&alone, &progress)?;
        let unexplained = troubled.iter().filter(|boot| !boot.explained_by(&again));
        let together = unexplained.filter_map(Booted::describe_trouble).collect();
        judged.extend(calm.into_iter().chain(again).flat_map(|booted| booted.judged));
        Ok(Report::new(judged, together))
    }

    fn boot(&self, batches: &[Batch], progress: &(impl Fn(&[Judged]) + Sync)) -> Result<Vec<Booted>> {
        parallel::map(batches, self.jobs, |batch| {
            let booted = boot::boot(self, batch)?;
            progress(&booted.judged);
            Ok(booted)
        })
    }

    fn selects(&self, scenario: &Scenario) -> bool {
        let in_set = self.set.is_none_or(|set| set.names().contains(&scenario.name));
        in_set
            && (self.filter.is_empty()
                || self.filter.iter().any(|word| scenario.name.contains(word.as_str())))
    }
}
