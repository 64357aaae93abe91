//! `vmtrace timeline`: who faulted where and when; one line per event with `--raw`.

use super::input::Input;
use super::{Env, FINE};
use crate::decode::{Gap, Sink};
use crate::error::Error;
use crate::model::clock::Clock;
use crate::model::filter::{Filter, Kind, Moment, Range};
use crate::model::history::History;
use crate::model::merge::Merge;
use crate::model::process::Processes;
use crate::view::paint::Look;
use crate::view::timeline::Limits;
use crate::view::{damage, raw, timeline};
use fl_addr::{CpuId, Pid};
use fl_trace::control::Control;
use fl_trace::event::Stamped;

/// Show who faulted where and when: an overview of all processes, then each one's faults, page by page
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace timeline RUN.vmt\n  vmtrace timeline RUN.vmt --pid 3 --kind zero\n  vmtrace timeline RUN.vmt --raw --from 12.5ms --to 13ms\n  vmtrace timeline RUN.vmt --raw --va 0x8049000..0x8059000\n  socat -u UNIX:com2 - | vmtrace timeline - --raw     (live)"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Only these kinds of event
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    kind: Vec<Kind>,
    /// Only these processes
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    pid: Vec<u32>,
    /// Only faults at these addresses: A..B, A+BYTES, or A for its page
    #[arg(long, value_name = "RANGE")]
    va: Option<Range>,
    /// Not before this time since boot (12.5ms, 300us, 1.2s, or ticks)
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Not after this time since boot
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// One line per event, in the order of time
    #[arg(long)]
    raw: bool,
    /// Show all processes and all pages, however many
    #[arg(long)]
    all: bool,
    /// Write JSON; with --raw one object per line
    #[arg(long)]
    json: bool,
}

/// What fits on a page or two without `--all`.
const SOME: Limits = Limits { processes: 24, runs: 24 };
const ALL: Limits = Limits { processes: usize::MAX, runs: usize::MAX };

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let filter = Filter {
        kinds: args.kind.clone(),
        pids: args.pid.iter().map(|&pid| Pid(pid)).collect(),
        va: args.va,
        from: args.from,
        to: args.to,
    };
    if args.raw { lines(&args, filter, env) } else { lanes(&args, filter, env) }
}

fn lanes(args: &Args, filter: Filter, env: &mut Env<'_>) -> Result<u8, Error> {
    let limits = if args.all { ALL } else { SOME };
    let live = !args.json && args.input.is_live()?;
    let mut shown = Vec::new();
    let mut history = Merge::new(History::new(filter));
    let loss = args.input.read(env, &mut history, |history, env| {
        let history = history.inner_mut();
        // Live, a process is shown when it has ended; from a file, the overview comes first.
        let ended = std::mem::take(&mut history.ended);
        if live && !ended.is_empty() {
            for i in ended {
                env.print(&timeline::process(history, i, &env.look, limits))?;
                shown.push(i);
            }
            env.flush()?;
        }
        Ok(())
    })?;
    let history = history.into_inner();
    if args.json {
        env.print_json(&timeline::json(&history, damage::json(&loss)))?;
        return Ok(FINE);
    }
    if live && !shown.is_empty() {
        env.print("\n")?;
    }
    let damage = args.input.damage_text(env, &loss);
    env.print(&damage)?;
    env.print(&timeline::overview(&history, args.input.name(), &env.look, limits))?;
    let mut left = limits.processes;
    for i in 0..history.lanes.len() {
        if history.lanes[i].is_none() || shown.contains(&i) {
            continue;
        }
        if left == 0 {
            break;
        }
        left -= 1;
        env.print(&timeline::process(&history, i, &env.look, limits))?;
    }
    Ok(FINE)
}

/// Makes a line of each event that passes.
struct Lines {
    filter: Filter,
    clock: Clock,
    processes: Processes,
    look: Look,
    json: bool,
    text: String,
    shown: u64,
}

impl Sink for Lines {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        self.processes.event(stamped);
        if !self.filter.passes(&self.clock, stamped) {
            return;
        }
        self.shown += 1;
        if self.json {
            self.text += &raw::json(&self.clock, cpu, stamped).to_string();
        } else {
            self.text += &raw::line(&self.look, &self.clock, &self.processes, cpu, stamped);
        }
        self.text.push('\n');
    }
    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        if let Control::Hello(hello) = control {
            self.clock = Clock::of(hello);
        }
    }
    fn gap(&mut self, gap: &Gap) {
        if !self.json {
            self.text += &raw::gap_line(&self.look, &self.clock, gap);
            self.text.push('\n');
        }
    }
}

/// Takes note of nothing: for a first pass that only counts what is missing.
struct Nothing;

impl Sink for Nothing {
    fn event(&mut self, _cpu: CpuId, _stamped: &Stamped) {}
}

fn lines(args: &Args, filter: Filter, env: &mut Env<'_>) -> Result<u8, Error> {
    let live = args.input.is_live()?;
    if !live && !args.json {
        // A file is read twice, so that what is missing is said first.
        let loss = args.input.read(env, &mut Nothing, |_, _| Ok(()))?;
        let damage = args.input.damage_text(env, &loss);
        env.print(&damage)?;
    }
    let mut lines = Merge::new(Lines {
        filter,
        clock: Clock::default(),
        processes: Processes::default(),
        look: env.look,
        json: args.json,
        text: String::new(),
        shown: 0,
    });
    let loss = args.input.read(env, &mut lines, |lines, env| {
        let text = &mut lines.inner_mut().text;
        if !text.is_empty() {
            env.print(text)?;
            text.clear();
            if live {
                env.flush()?;
            }
        }
        Ok(())
    })?;
    if live && !args.json {
        let damage = args.input.damage_text(env, &loss);
        env.print(&damage)?;
    }
    if lines.into_inner().shown == 0 && !args.json {
        env.say("vmtrace: no event passes the filter");
    }
    Ok(FINE)
}
