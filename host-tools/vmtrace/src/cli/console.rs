//! `vmtrace console`: the console's text out of a stream that carries both.

use super::input::Input;
use super::{Env, FINE, FOUND};
use crate::decode::Sink;
use crate::error::Error;
use fl_addr::CpuId;
use fl_trace::event::Stamped;
use fl_trace::packet::Channel;

/// Print the console of a machine with one serial port (serial=mux), whose text comes among the trace's packets
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace console RUN.vmt\n  vmtrace record --from /dev/ttyUSB0 --baud 115200 -o RUN.vmt, and meanwhile\n  vmtrace console --follow RUN.vmt\n\nExit status: 0 all of the text is there, 1 some of it is lost (standard error says how much), 2 the trace could not be read."
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
}

/// The text that has not been shown yet.
#[derive(Default)]
struct Text(Vec<u8>);

impl Sink for Text {
    fn event(&mut self, _cpu: CpuId, _stamped: &Stamped) {}
    fn console(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let loss = args.input.read(env, &mut Text::default(), |text, env| {
        let written = env.out.write_all(&text.0).and_then(|()| env.out.flush());
        text.0.clear();
        written.map_err(|e| Error::io("cannot write", "standard output", e))
    })?;
    let lost = loss.sum(Some(Channel::Console)).lost.records;
    if lost > 0 {
        env.say(&format!("vmtrace: {lost} bytes of the console were lost on the way"));
        return Ok(FOUND);
    }
    Ok(FINE)
}
