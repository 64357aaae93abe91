//! `vmtrace check`: did the kernel keep its invariants?

use super::input::Input;
use super::{Env, FINE, FOUND};
use crate::check::Check;
use crate::error::Error;
use crate::model::merge::Merge;
use crate::view;

/// Replay the run against the kernel's invariants; show the first that was broken with the events that prove it
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace check RUN.vmt\n  vmtrace check RUN.vmt --strict       (also fails if anything was lost or damaged)\n\nExit status: 0 nothing broken, 1 an invariant was broken, 2 the trace could not be read."
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Fail also if the stream is damaged or incomplete, or if anything is unknown because of it
    #[arg(long)]
    strict: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut check = Merge::new(Check::new());
    let loss = args.input.read(env, &mut check, |_, _| Ok(()))?;
    let report = check.into_inner().report(&loss);
    if args.json {
        env.print_json(&view::check::json(&report, view::damage::json(&loss)))?;
    } else {
        let damage = args.input.damage_text(env, &loss);
        env.print(&damage)?;
        env.print(&view::check::text(&report, &env.look))?;
    }
    let unknown = report.results.iter().any(|(_, judged)| judged.unknown > 0);
    let found = !report.holds() || args.strict && (unknown || !loss.is_complete());
    Ok(if found { FOUND } else { FINE })
}
