//! `vmtrace stats`: counts and percentiles, reconciled with the kernel's own counters.

use super::input::Input;
use super::{Env, FINE};
use crate::error::Error;
use crate::model::stats::Stats;
use crate::view::stats::{Page, Unit};

/// Count faults and give their percentiles by kind, outcome, stage and process, checked against the kernel's own counters
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace stats RUN.vmt\n  vmtrace stats RUN.vmt --unit ticks       (with --icount a tick is an instruction)\n  vmtrace stats RUN.vmt --json | jq .by_kind.zero.p99_ns"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// In what durations are written
    #[arg(long, value_enum, default_value_t)]
    unit: Unit,
    /// Rows of the table of processes
    #[arg(long, default_value_t = 20, value_name = "N")]
    rows: usize,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut stats = Stats::default();
    let loss = args.input.read(env, &mut stats, |_, _| Ok(()))?;
    let page = Page { stats: &stats, loss: &loss, look: env.look, unit: args.unit, rows: args.rows };
    if args.json {
        env.print_json(&page.json())?;
    } else {
        let damage = args.input.damage_text(env, &loss);
        env.print(&damage)?;
        env.print(&page.text())?;
    }
    Ok(FINE)
}
