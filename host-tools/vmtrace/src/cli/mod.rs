//! The command line: [`run`] in this process, [`run_in`] with everything it touches given.
//!
//! One file per subcommand. Exit status: 0 fine, 1 something was found, 2 it could not be done. Reports go to standard
//! output, complaints and progress to standard error. A reader that goes away (`| head`) is no error.

mod check;
mod console;
mod extras;
mod flame;
mod input;
mod life;
mod logs;
mod metrics;
mod record;
mod stats;
mod timeline;

use crate::error::Error;
use crate::view::paint::Look;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All went well.
pub const FINE: u8 = 0;
/// The command did its work and found something wrong.
pub const FOUND: u8 = 1;
/// The command could not do its work.
pub const COULD_NOT: u8 = 2;

/// Shows what a kernel's virtual memory did: reads the trace that Faultline sends over a serial port or a virtio console.
#[derive(Parser, Debug)]
#[command(name = "vmtrace", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "First steps:\n  vmtrace timeline RUN.vmt       who faulted where and when\n  vmtrace stats RUN.vmt          counts and percentiles\n  vmtrace check RUN.vmt          did the kernel keep its invariants?\n\nExit status: 0 fine, 1 found something, 2 could not."
)]
struct Cli {
    /// When to use colour; also obeys NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = clap::ColorChoice::Auto)]
    color: clap::ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Record(record::Args),
    Timeline(timeline::Args),
    Stats(stats::Args),
    Logs(logs::Args),
    Flame(flame::Args),
    Check(check::Args),
    Metrics(metrics::Args),
    Page(life::PageArgs),
    Frame(life::FrameArgs),
    Slot(life::SlotArgs),
    Console(console::Args),
    Completions(extras::Completions),
    Man(extras::Man),
}

/// What a command may touch.
pub struct Env<'e> {
    /// Standard output.
    pub out: &'e mut dyn Write,
    /// Standard error.
    pub err: &'e mut dyn Write,
    /// How standard output is to look.
    pub look: Look,
    /// Whether progress may be drawn on standard error.
    pub progress: bool,
    /// Set by Ctrl-C.
    pub stop: Arc<AtomicBool>,
}

impl Env<'_> {
    /// Writes text to standard output.
    ///
    /// # Errors
    /// [`Error::BrokenPipe`] or the system's.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        self.out.write_all(text.as_bytes()).map_err(|e| Error::io("cannot write", "standard output", e))
    }
    /// Writes a JSON value and a newline to standard output.
    ///
    /// # Errors
    /// As [`Env::print`].
    pub fn print_json(&mut self, value: &serde_json::Value) -> Result<(), Error> {
        self.print(&format!("{value:#}\n"))
    }
    /// Writes a line to standard error; if that fails there is nobody to tell.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }
    fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|e| Error::io("cannot write", "standard output", e))
    }
}

/// Runs the command line `args` (`args[0]` is the program's name) on this process's standard streams. Returns the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let stdout = io::stdout();
    let color = !matches!(anstream::AutoStream::choice(&stdout), anstream::ColorChoice::Never);
    let width = match rustix::termios::tcgetwinsize(&stdout) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => columns_variable().unwrap_or(Look::PLAIN.width),
    };
    let look = Look { color, width, unicode: speaks_utf8() };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A program that runs vmtrace in-process may have a handler of its own already: then Ctrl-C is its business.
    let _ = ctrlc::try_set_handler(move || {
        // Relaxed: the flag carries no data; read by the loops that read and write.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    let progress = io::stderr().is_terminal();
    let mut out = io::BufWriter::with_capacity(64 << 10, stdout.lock());
    let mut env = Env { out: &mut out, err: &mut io::stderr(), look, progress, stop };
    run_in(args, &mut env)
}

/// The same with standard streams, looks and Ctrl-C given.
pub fn run_in(args: impl IntoIterator<Item = OsString>, env: &mut Env<'_>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => return usage(&e, env),
    };
    match cli.color {
        clap::ColorChoice::Auto => {}
        clap::ColorChoice::Always => env.look.color = true,
        clap::ColorChoice::Never => env.look.color = false,
    }
    let done = match cli.command {
        Command::Record(args) => record::run(args, env),
        Command::Timeline(args) => timeline::run(args, env),
        Command::Stats(args) => stats::run(args, env),
        Command::Logs(args) => logs::run(args, env),
        Command::Flame(args) => flame::run(args, env),
        Command::Check(args) => check::run(args, env),
        Command::Metrics(args) => metrics::run(args, env),
        Command::Page(args) => life::page(args, env),
        Command::Frame(args) => life::frame(args, env),
        Command::Slot(args) => life::slot(args, env),
        Command::Console(args) => console::run(args, env),
        Command::Completions(args) => extras::completions(args, env),
        Command::Man(args) => extras::man(args, env),
    };
    match done.and_then(|status| env.flush().map(|()| status)) {
        Ok(status) => status,
        Err(Error::BrokenPipe) => FINE,
        Err(e) => {
            // What was found before the error still reaches its reader.
            let _ = env.flush();
            env.say(&format!("vmtrace: {e}"));
            COULD_NOT
        }
    }
}

/// Help and version are fine, everything else is wrong usage.
fn usage(error: &clap::Error, env: &mut Env<'_>) -> u8 {
    let text = if env.look.color { error.render().ansi().to_string() } else { error.render().to_string() };
    if error.use_stderr() {
        env.say(text.trim_end());
        return COULD_NOT;
    }
    match env.print(&text).and_then(|()| env.flush()) {
        Ok(()) | Err(Error::BrokenPipe) => FINE,
        Err(_) => COULD_NOT,
    }
}

fn columns_variable() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|&n| n > 0)
}

/// Whether the locale says that the terminal shows UTF-8. No locale at all counts as yes: what is piped is read later.
fn speaks_utf8() -> bool {
    match ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
    {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => true,
    }
}
