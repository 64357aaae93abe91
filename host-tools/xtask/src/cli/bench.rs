//! `cargo xtask bench`: its flags, and what it prints.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::bench::{self, Group};
use crate::build::{Programs, build};
use crate::{Error, Profile, Result, place};

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                     all operations
  cargo xtask bench syscall fork        those of these groups
  cargo xtask bench vm --json out.json

Numbers are guest instructions, medians first: the same in every run of the same build, so they can be compared across machines and
commits. A row that is over its target is no failure: this is a benchmark, not a test.";

/// Flags of `bench`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// Which operations [default: all]
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,
    /// Write the table to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How kernel and programs are compiled; the targets are for `release`
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

impl BenchArgs {
    /// Builds, runs, reports; the exit status.
    pub(super) fn execute(self) -> Result<u8> {
        let artifacts = build(&place::root()?, self.profile, Programs::Ours, false)?;
        let report = bench::run(artifacts, &self.groups)?;
        // A reader that went away has read enough.
        let _ = io::stdout().write_all(report.table().as_bytes());
        if let Some(file) = &self.json {
            fs::write(file, format!("{:#}\n", report.json())).map_err(Error::writing(file))?;
        }
        Ok(0)
    }
}
