//! `vmtrace logs`: the kernel's log lines, with the strings of its ELF.

use super::input::Input;
use super::{COULD_NOT, Env, FINE, FOUND};
use crate::decode::Sink;
use crate::error::Error;
use crate::model::clock::Clock;
use crate::view::damage::plural;
use crate::view::logs::Decoder;
use crate::view::paint::Look;
use fl_addr::CpuId;
use fl_trace::control::{Control, Hello};
use fl_trace::event::Stamped;
use std::path::PathBuf;

/// Print the kernel's log lines; needs the kernel's ELF, which holds their texts
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace logs RUN.vmt --elf target/x86_64-unknown-none/release/faultline\n  vmtrace logs RUN.vmt --elf KERNEL --level warn --places"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// The kernel's ELF file
    #[arg(long, value_name = "KERNEL")]
    elf: PathBuf,
    /// Use the ELF even if it is not the kernel that wrote the trace
    #[arg(long)]
    force: bool,
    /// Only lines of this level and above
    #[arg(long, value_enum, default_value_t = Level::Trace)]
    level: Level,
    /// Show file and line of each
    #[arg(long)]
    places: bool,
    /// Write JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// Levels, the least urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn of(name: &str) -> Self {
        match name {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => Self::Trace,
        }
    }
}

/// Turns log records into lines.
struct Lines {
    decoder: Decoder,
    look: Look,
    json: bool,
    places: bool,
    level: Level,
    clock: Clock,
    hello: Option<Hello>,
    text: String,
    /// Records that fit none of the kernel's strings.
    foreign: u64,
    records: u64,
}

impl Sink for Lines {
    fn event(&mut self, _cpu: CpuId, _stamped: &Stamped) {}

    fn control(&mut self, _tsc: u64, control: &Control) {
        if let Control::Hello(hello) = control {
            self.clock = Clock::of(hello);
            self.hello = Some(*hello);
        }
    }

    fn log(&mut self, cpu: CpuId, tsc: u64, frame: &[u8]) {
        self.records += 1;
        let Some(line) = self.decoder.decode(frame) else {
            self.foreign += 1;
            return;
        };
        // A line without a level was printed on purpose: always shown.
        if line.level.is_some_and(|level| Level::of(level) < self.level) {
            return;
        }
        if self.json {
            self.text += &line.json(&self.clock, cpu, tsc).to_string();
        } else {
            self.text += &line.text(&self.look, &self.clock, cpu, tsc, self.places);
        }
        self.text.push('\n');
    }
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut lines = Lines {
        decoder: Decoder::open(&args.elf)?,
        look: env.look,
        json: args.json,
        places: args.places,
        level: args.level,
        clock: Clock::default(),
        hello: None,
        text: String::new(),
        foreign: 0,
        records: 0,
    };
    let live = args.input.is_live()?;
    let mut trusted = args.force;
    let loss = args.input.read(env, &mut lines, |lines, env| {
        // No line is shown before it is known that the strings are the right ones.
        if !trusted {
            let Some(hello) = &lines.hello else { return Ok(()) };
            lines.decoder.require(hello)?;
            trusted = true;
        }
        if live && !lines.text.is_empty() {
            env.print(&lines.text)?;
            lines.text.clear();
            env.flush()?;
        }
        Ok(())
    })?;
    if !trusted {
        return Err(Error::NoHello);
    }
    if !args.json {
        let damage = args.input.damage_text(env, &loss);
        env.print(&damage)?;
    }
    env.print(&lines.text)?;
    if lines.foreign > 0 {
        env.say(&format!(
            "vmtrace: {} of {} fit none of the kernel's log strings",
            lines.foreign,
            plural(lines.records, "log record")
        ));
        return Ok(if lines.foreign == lines.records { COULD_NOT } else { FOUND });
    }
    if lines.records == 0 && !args.json {
        env.say("vmtrace: the trace holds no log record");
    }
    Ok(FINE)
}
