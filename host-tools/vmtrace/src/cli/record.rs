//! `vmtrace record`: captures the raw stream into a file, as it comes, until the run ends.

use super::{Env, FINE};
use crate::decode::Sink;
use crate::error::Error;
use crate::model::clock::count_text;
use crate::model::names;
use crate::view::damage::{self, plural};
use crate::wire::Intake;
use crate::wire::source::{Options, Pump, Source};
use fl_addr::CpuId;
use fl_trace::event::Stamped;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering;

/// Capture a run's raw stream; stops at the end of the input, when the kernel says goodbye, or on Ctrl-C
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace record --from /dev/ttyUSB0 --baud 115200 -o RUN.vmt\n  vmtrace record --from ./com2.sock -o RUN.vmt       (qemu -serial unix:com2.sock,server)\n  vmtrace record --from tcp:127.0.0.1:4444 -o RUN.vmt\n  vmtrace record --from com2.raw --follow -o RUN.vmt"
)]
pub struct Args {
    /// Where from: a serial port, a file, a Unix socket, `tcp:HOST:PORT`, or `-` for standard input
    #[arg(long, value_name = "SOURCE")]
    from: String,
    /// The file to write; `-` for standard output
    #[arg(short, long, value_name = "RUN.vmt")]
    output: String,
    /// Wait for more at the end of a file
    #[arg(long)]
    follow: bool,
    /// Speed of a serial port; unchanged if not given
    #[arg(long)]
    baud: Option<u32>,
    /// Go on after the kernel said goodbye
    #[arg(long)]
    keep_going: bool,
}

/// Counts events.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn event(&mut self, _cpu: CpuId, _stamped: &Stamped) {
        self.0 += 1;
    }
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let source = Source::open(&args.from, Options { follow: args.follow, baud: args.baud })?;
    let to_stdout = args.output == "-";
    let same_file = !to_stdout
        && matches!((std::fs::canonicalize(&args.from), std::fs::canonicalize(&args.output)), (Ok(a), Ok(b)) if a == b);
    if same_file {
        return Err(Error::Usage(format!(
            "{}: is read and would be overwritten; name another file",
            args.output
        )));
    }
    let mut file = match to_stdout {
        true => None,
        false => Some(File::create(&args.output).map_err(|e| Error::Io {
            what: "cannot create",
            place: args.output.clone(),
            source: e,
        })?),
    };
    let (mut intake, mut count, mut bytes) = (Intake::new(), Count::default(), 0u64);
    let mut newer = None;
    let mut head = Vec::new();
    let name = source.name.clone();
    let stop = env.stop.clone();
    source.pump(&stop, |chunk| {
        if head.is_empty() {
            head = chunk[..chunk.len().min(256)].to_vec();
        }
        // The bytes are kept whatever this program makes of them.
        match &mut file {
            Some(file) => file.write_all(chunk).map_err(|e| Error::io("cannot write", &args.output, e))?,
            None => {
                env.out.write_all(chunk).map_err(|e| Error::io("cannot write", "standard output", e))?;
                env.flush()?;
            }
        }
        bytes += chunk.len() as u64;
        if newer.is_none() {
            newer = intake.push(chunk, &mut count).err();
        }
        Ok(if intake.bye().is_some() && !args.keep_going { Pump::Stop } else { Pump::On })
    })?;
    intake.finish(&mut count);
    let ended = match intake.bye() {
        Some(bye) => format!("the run ended by {}", names::bye(bye)),
        // Relaxed: the flag carries no data.
        None if stop.load(Ordering::Relaxed) => "stopped by Ctrl-C".into(),
        None => "the input ended before the run did".into(),
    };
    let processes = plural(intake.report().packets, "packet");
    let summary = format!(
        "{}: {} bytes, {processes}, {}; {ended}",
        if to_stdout { "standard output" } else { &args.output },
        count_text(bytes),
        plural(count.0, "event"),
    );
    // Standard output may be the recording itself.
    env.say(&summary);
    if let Some(newer) = newer {
        env.say(&format!("vmtrace: kept, but cannot be read: {newer}"));
        return Ok(FINE);
    }
    if let Some(damage) = damage::headline(intake.report(), &env.look) {
        env.say(damage.trim_end());
    }
    intake.require_packets(&name, &head)?;
    if !to_stdout {
        env.say(&format!("next: vmtrace timeline {}", args.output));
    }
    Ok(FINE)
}
