//! `cargo xtask conformance`: its flags, and what it prints.

use std::fs;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use fl_reclaim::Choice;

use super::FrameCap;
use super::chaos::{self, Seeds};
use super::memory::policy;
use crate::build::{self, build};
use crate::conformance::{Judged, Programs, Report, Set, Suite, Verdict};
use crate::{Error, Profile, Result, place, qemu};

const EXAMPLES: &str = "\
Examples:
  cargo xtask conformance                                  all that the kernel can do by now
  cargo xtask conformance --filter fork --filter exec      the scenarios with these words in their names
  cargo xtask conformance --user-frames 600 --json out.json
  cargo xtask conformance --user-frames 1/16 --policy sieve      under memory pressure
  cargo xtask conformance --chaos --seed 7 --smp 4         threads are preempted, delayed and lose pages where it hurts
  cargo xtask conformance --chaos --seeds 1..101 --set chaos --smp 4     a hundred seeds, a line each
  cargo xtask conformance --chaos --seed 7 --smp 4 --icount      the same again and again, to the byte
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
    /// Only scenarios of this set
    #[arg(long, value_enum)]
    set: Option<Set>,
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
    /// Let threads be preempted, delayed and lose pages where it hurts, as --seed or --seeds says
    #[arg(long, requires = "seeded")]
    chaos: bool,
    /// Seed of the chaos
    #[arg(long, value_name = "N", group = "seeded", requires = "chaos")]
    seed: Option<u64>,
    /// Seeds one after the other, with a line for each: A..B, or A..=B with the last
    #[arg(long, value_name = "A..B", group = "seeded", requires = "chaos", conflicts_with_all = ["json", "seed"])]
    seeds: Option<Seeds>,
    /// Count guest instructions instead of time, with the disk in memory: every boot repeats to the byte, on any number of processors, chaos included
    #[arg(long)]
    icount: bool,
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
    /// How kernel and programs are compiled [default: checked]
    #[arg(long, value_enum)]
    profile: Option<Profile>,
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
        let profile = chaos::profile(self.profile, self.chaos, Profile::Checked)?;
        let mut suite = Suite::new(build(&place::root()?, profile, build::Programs::All, self.quiet)?);
        suite.programs = programs;
        suite.filter.clone_from(&self.filter);
        suite.set = self.set;
        suite.chaos = self.seed;
        suite.later = self.later;
        (suite.smp, suite.icount) = (self.smp, self.icount);
        suite.user_frames = self.user_frames;
        suite.policy = self.policy;
        suite.timeout = Duration::from_secs(self.timeout);
        suite.jobs = self.jobs.map_or(suite.jobs, |jobs| jobs as usize);
        if let Some(Seeds(seeds)) = self.seeds.clone() {
            return self.campaign(suite, seeds);
        }
        let quiet = self.quiet;
        let report = suite.run(|judged| {
            if !quiet {
                show_progress(judged)
            }
        })?;
        self.check_any(&report)?;
        let mut text = if quiet { report.failures() + &report.sums() + "\n" } else { report.table() };
        if let Some(seed) = self.seed.filter(|_| !report.is_good()) {
            text += &format!("the same seed again: {}\n", self.again(seed, &report));
        }
        // A reader that went away has read enough.
        let _ = io::stdout().write_all(text.as_bytes());
        if let Some(file) = &self.json {
            fs::write(file, format!("{:#}\n", report.json())).map_err(Error::writing(file))?;
        }
        Ok(u8::from(!report.is_good()))
    }

    /// Runs the suite with each of the seeds, a line for each and what failed; the exit status.
    fn campaign(&self, mut suite: Suite, seeds: RangeInclusive<u64>) -> Result<u8> {
        let (mut count, mut bad) = (0, Vec::new());
        for seed in seeds {
            suite.chaos = Some(seed);
            let begun = Instant::now();
            let report = suite.run(|_| ())?;
            self.check_any(&report)?;
            count += 1;
            let mut text = format!("seed {seed}: {}, {} s\n", report.sums(), begun.elapsed().as_secs());
            if !report.is_good() {
                text += &report.failures();
                text += &format!("the same seed again: {}\n", self.again(seed, &report));
                bad.push(seed.to_string());
            }
            let _ = io::stdout().write_all(text.as_bytes());
        }
        let which = if bad.is_empty() { String::new() } else { format!("; not {}", bad.join(", ")) };
        let _ = writeln!(io::stdout(), "{} of {count} seeds pass{which}", count - bad.len());
        Ok(u8::from(!bad.is_empty()))
    }

    /// Fails if there was nothing to run.
    fn check_any(&self, report: &Report) -> Result<()> {
        if !report.judged().is_empty() {
            return Ok(());
        }
        let words = self.filter.join(" ");
        Err(Error::Usage(format!("--filter {words}: no scenario's name contains that")))
    }

    /// The command that runs what failed once more with this seed; all of it, if each scenario passes alone, or if the boots are to be the very same.
    fn again(&self, seed: u64, report: &Report) -> String {
        let mut words = vec!["xtask".to_owned(), "conformance".to_owned(), "--chaos".to_owned()];
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        add("--seed", seed.to_string());
        add("--smp", self.smp.to_string());
        if let Some(set) = self.set.as_ref().and_then(Set::to_possible_value) {
            add("--set", set.get_name().to_owned());
        }
        if let Some(cap) = self.user_frames {
            add("--user-frames", cap.to_string());
        }
        if let Some(policy) = self.policy {
            add("--policy", policy.name().to_owned());
        }
        if let Some(dir) = &self.programs {
            add("--programs", dir.display().to_string());
        }
        if self.icount {
            words.push("--icount".to_owned());
        }
        let failed: Vec<String> = report.failed().map(str::to_owned).collect();
        let filter = if failed.is_empty() || self.icount { &self.filter } else { &failed };
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        filter.iter().for_each(|name| add("--filter", name.clone()));
        qemu::shell_line("cargo", &words)
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
