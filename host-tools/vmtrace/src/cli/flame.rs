//! `vmtrace flame`: where the time in faults goes, as a flamegraph.

use super::input::Input;
use super::{Env, FINE, FOUND};
use crate::error::Error;
use crate::model::flame::Flame;
use crate::view;
use std::fs::File;
use std::io::BufWriter;

/// Draw where the time in faults goes: process, kind, stage; width is ticks
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace flame RUN.vmt -o RUN.svg         (open it in a browser: click to zoom, Ctrl-F to search)\n  vmtrace flame RUN.vmt --folded           (one line per stack, for other tools)\n  vmtrace flame RUN.vmt --merge -o RUN.svg (processes of one name as one)"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// The SVG file to write; `-` for standard output
    #[arg(short, long, value_name = "F.svg", required_unless_present = "folded")]
    output: Option<String>,
    /// Write folded stacks instead of a picture
    #[arg(long)]
    folded: bool,
    /// Take processes of the same name as one
    #[arg(long)]
    merge: bool,
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut flame = Flame::default();
    let loss = args.input.read(env, &mut flame, |_, _| Ok(()))?;
    // The picture may go to standard output, so what is missing is said on standard error.
    let damage = args.input.damage_text(env, &loss);
    if !damage.is_empty() {
        env.say(damage.trim_end());
    }
    let lines = flame.folded(args.merge);
    let place = args.output.as_deref().unwrap_or("-");
    if lines.is_empty() {
        env.say("vmtrace: no fault was received, so there is nothing to draw");
        return Ok(FOUND);
    }
    let folded = args.folded.then(|| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    match (place, folded) {
        ("-", Some(folded)) => env.print(&folded)?,
        ("-", None) => {
            view::flame::svg(&flame, &lines, loss.events_missing(), "standard output", &mut *env.out)?
        }
        (path, folded) => {
            let create = |e| Error::Io { what: "cannot create", place: path.into(), source: e };
            match folded {
                Some(folded) => std::fs::write(path, folded).map_err(create)?,
                None => {
                    let mut file = BufWriter::new(File::create(path).map_err(create)?);
                    view::flame::svg(&flame, &lines, loss.events_missing(), path, &mut file)?;
                    std::io::Write::flush(&mut file).map_err(|e| Error::io("cannot write", path, e))?;
                }
            }
            env.say(&format!("{path}: written"));
        }
    }
    Ok(FINE)
}
