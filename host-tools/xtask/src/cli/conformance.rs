//! `cargo xtask conformance`: its flags, and what it prints.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use fl_reclaim::Choice;

use super::FrameCap;
use super::memory::policy;
use crate::build::{self, build};
use crate::conformance::{Judged, Programs, Suite, Verdict};
use crate::{Error, Profile, Result, place};

const EXAMPLES: &str = "\
Examples:
  cargo xtask conformance                                  all that the kernel can do by now
  cargo xtask conformance --filter fork --filter exec      the scenarios with these words in their names
  cargo xtask conformance --user-frames 600 --json out.json
  cargo xtask conformance --user-frames 1/16 --policy sieve      under memory pressure
  cargo xtask conformance --programs ~/pintos-kaist/vm/build     the same scenarios with the programs of another repository of the
                                                           pintos-kaist kind; its own tests/*.ck judge (Perl is needed)

Verdicts: pass; FAIL, with the end of the console; not yet (the kernel has not the part it needs); missing (no such program given).
Exit status: 0 nothing failed; 1 something did; 2 wrong usage or something is missing; 130 ended by Ctrl-C.
The folders of boots in which something failed stay in target/faultline/conformance/runs.";

/// Flags of `conformance`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ConformanceArgs {
    /// Only scenarios whose name contains this; repeatable
    #[arg(long, value_name = "WORD")]
    filter: Vec<String>,
    /// Also run the scenarios that are not expected to pass yet
    #[arg(long)]
    later: bool,
    /// Number of processors of each machine
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    smp: u32,
    /// Cap the frames of user pages: so many in place of what each scenario asks for, or a part of that, as 1/4
    #[arg(long, value_name = "N|1/N")]
    user_frames: Option<FrameCap>,
    /// Which pages to evict first: clock, enhanced, fifo, sieve, 2q [default: clock]
    #[arg(long, value_name = "NAME", value_parser = policy)]
    policy: Option<Choice>,
    /// How many machines run at once [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// How long a machine may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Write the verdicts to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run the programs of another repository: its build folder, or a folder with all of them
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// The root of that repository, whose tests judge [default: the first folder above --programs that has tests]
    #[arg(long, value_name = "DIR", requires = "programs")]
    expect: Option<PathBuf>,
    /// How kernel and programs are compiled
    #[arg(long, value_enum, default_value_t = Profile::Checked)]
    profile: Profile,
    /// Print nothing but what failed, and the sums
    #[arg(long)]
    quiet: bool,
}

impl ConformanceArgs {
    /// Builds, runs, reports; the exit status.
    pub(super) fn execute(self) -> Result<u8> {
        let programs = match &self.programs {
            Some(dir) => Programs::theirs(dir, self.expect.as_deref())?,
            None => Programs::Ours,
        };
        let mut suite = Suite::new(build(&place::root()?, self.profile, build::Programs::All, self.quiet)?);
        suite.programs = programs;
        suite.filter = self.filter;
        suite.later = self.later;
        suite.smp = self.smp;
        suite.user_frames = self.user_frames;
        suite.policy = self.policy;
        suite.timeout = Duration::from_secs(self.timeout);
        suite.jobs = self.jobs.map_or(suite.jobs, |jobs| jobs as usize);
        let quiet = self.quiet;
        let report = suite.run(|judged| {
            if !quiet {
                show_progress(judged)
            }
        })?;
        if report.judged().is_empty() {
            return Err(Error::Usage(format!(
                "--filter {}: no scenario's name contains that",
                suite.filter.join(" ")
            )));
        }
        let text = if quiet { report.failures() + &report.sums() + "\n" } else { report.table() };
        // A reader that went away has read enough.
        let _ = io::stdout().write_all(text.as_bytes());
        if let Some(file) = &self.json {
            fs::write(file, format!("{:#}\n", report.json())).map_err(Error::writing(file))?;
        }
        Ok(u8::from(!report.is_good()))
    }
}

/// A line on stderr for each boot that has ended.
fn show_progress(judged: &[Judged]) {
    let bad = judged.iter().filter(|judged| judged.verdict != Verdict::Pass);
    let bad: Vec<&str> = bad.map(|judged| judged.scenario.name).collect();
    let names: Vec<&str> = judged.iter().map(|judged| judged.scenario.name).collect();
    match bad.as_slice() {
        [] => eprintln!("==> pass  {}", names.join(", ")),
        bad => eprintln!("==> FAIL  {} (of {})", bad.join(", "), names.join(", ")),
    }
}
