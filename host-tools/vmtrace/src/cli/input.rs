//! What all commands that read a trace have in common: the input, following it, progress, and the account of loss.

use super::Env;
use crate::decode::Sink;
use crate::error::Error;
use crate::view::damage;
use crate::wire::Intake;
use crate::wire::loss::LossReport;
use crate::wire::source::{Options, Pump, Source};
use indicatif::{ProgressBar, ProgressStyle};

/// Files above this many bytes get a progress bar.
const LONG: u64 = 16 << 20;

/// Which trace, and how to read it.
#[derive(clap::Args, Clone, Debug)]
pub struct Input {
    /// The trace: a file, `-` for standard input, a Unix socket, `tcp:HOST:PORT`, or a serial port
    #[arg(value_name = "RUN.vmt")]
    pub trace: String,
    /// Wait for more at the end of the file, until the run ends or Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// List every damaged place and every stream's account
    #[arg(long)]
    pub damage: bool,
}

impl Input {
    fn open(&self) -> Result<Source, Error> {
        Source::open(&self.trace, Options { follow: self.follow, baud: None })
    }

    /// Whether events come while one waits, so that they are to be shown as they come.
    pub fn is_live(&self) -> Result<bool, Error> {
        Ok(self.trace == "-" || self.follow || self.open()?.is_live())
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        if self.trace == "-" { "standard input" } else { &self.trace }
    }

    /// Reads it all into `sink`; calls `shown` after each chunk.
    ///
    /// # Errors
    /// Those of reading and of `shown`; a damaged stream is none.
    pub fn read<S: Sink>(
        &self,
        env: &mut Env<'_>,
        sink: &mut S,
        mut shown: impl FnMut(&mut S, &mut Env<'_>) -> Result<(), Error>,
    ) -> Result<LossReport, Error> {
        let source = self.open()?;
        let (name, live) = (source.name.clone(), source.is_live());
        let bar = progress(env, source.len);
        let mut intake = Intake::new();
        let mut head = Vec::new();
        let stop = env.stop.clone();
        source.pump(&stop, |chunk| {
            if chunk.is_empty() {
                sink.idle();
            } else {
                if head.is_empty() {
                    head = chunk[..chunk.len().min(256)].to_vec();
                }
                intake.push(chunk, sink)?;
                bar.inc(chunk.len() as u64);
            }
            shown(sink, env)?;
            Ok(if live && intake.bye().is_some() { Pump::Stop } else { Pump::On })
        })?;
        intake.finish(sink);
        bar.finish_and_clear();
        shown(sink, env)?;
        intake.require_packets(&name, &head)?;
        Ok(intake.into_report())
    }

    /// The account as text: nothing if all is there.
    pub fn damage_text(&self, env: &Env<'_>, report: &LossReport) -> String {
        let mut text = damage::headline(report, &env.look).unwrap_or_default();
        if self.damage {
            text += &damage::details(report, &env.look);
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

fn progress(env: &Env<'_>, len: Option<u64>) -> ProgressBar {
    match len {
        Some(len) if env.progress && len > LONG => {
            let style = ProgressStyle::with_template(
                "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            );
            ProgressBar::new(len).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        _ => ProgressBar::hidden(),
    }
}
