//! The command line: what can be typed ([`Command`]), and what each command does.
//!
//! Whatever was mistyped is answered in one line, with the way to the help.

mod bench;
mod cc;
mod chaos;
mod conformance;
mod image;
mod memory;
mod run;
mod test;

pub use bench::BenchArgs;
pub use cc::CcArgs;
pub use conformance::ConformanceArgs;
pub use image::ImageArgs;
pub use memory::FrameCap;
pub use run::{ExecArgs, RunArgs};
pub use test::TestArgs;

use std::ffi::OsString;
use std::fs;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::artifacts::Artifacts;
use crate::build::{Programs, build};
use crate::{Error, Profile, Result, place, qemu};

/// Faultline's runner: builds the kernel and its programs, runs them in QEMU, shows what happened.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One thing to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Compile the kernel, the loader and the user programs
    Build(BuildArgs),
    /// Run programs in QEMU and show their page faults; without --exec: a demo
    Run(Box<RunArgs>),
    /// Make a hybrid BIOS/UEFI image for CD and USB stick, with Limine's binaries (LIMINE_DIR or /usr/share/limine)
    Image(ImageArgs),
    /// Compile a program in C for this kernel, with the host's gcc or clang
    Cc(CcArgs),
    /// Run one program by name, those of `cc` first: `cargo xtask exec 'hello a b'`
    Exec(Box<ExecArgs>),
    /// Build the `checked` profile and run the tests that boot it in QEMU
    Test(TestArgs),
    /// Run the conformance scenarios, ours or the programs of a pintos-kaist repository
    Conformance(Box<ConformanceArgs>),
    /// Count the instructions of system calls, fork and page faults, and compare them with the targets
    Bench(BenchArgs),
    /// Look at the trace of the last run with vmtrace: `cargo xtask trace timeline --raw`
    Trace(TraceArgs),
}

/// Flags of `build`.
#[derive(clap::Args, Debug)]
pub struct BuildArgs {
    /// `release` is what people run; `checked` adds debug assertions and overflow checks
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

/// Flags of `trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: cargo xtask trace stats. What there is: cargo xtask trace help.")]
pub struct TraceArgs {
    /// vmtrace's command
    #[arg(value_name = "COMMAND", default_value = "timeline")]
    command: OsString,
    /// Its flags; the trace's file is filled in
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    rest: Vec<OsString>,
}

/// Reads the command line. `None`: help was asked for, and has been printed.
///
/// # Errors
/// [`Error::Usage`], one line.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Command>> {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => Ok(Some(cli.command)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A reader that went away has read enough.
            let _ = error.print();
            Ok(None)
        }
        Err(error) => Err(Error::Usage(one_line(&error, args.get(1)))),
    }
}

/// clap's message, which is several lines, as one, with where to find the help: `first` is the word that should be a command.
fn one_line(error: &clap::Error, first: Option<&OsString>) -> String {
    let commands = commands();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("a command is missing: one of {} (see cargo xtask --help)", commands.join(", "));
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let message = lines
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("; ")
        .replace(":; ", ": ");
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => format!("{message}; there are {}", commands.join(", ")),
        _ => message,
    };
    let command = first.and_then(|word| commands.iter().find(|&name| word == name.as_str()));
    let command = command.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{message} (see cargo xtask{command} --help)")
}

fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Does it; the exit status.
///
/// # Errors
/// See [`Error`].
pub fn execute(command: Command) -> Result<u8> {
    match command {
        Command::Build(args) => print_artifacts(&build(&place::root()?, args.profile, Programs::All, false)?),
        Command::Run(args) => args.execute(),
        Command::Image(args) => args.execute(),
        Command::Cc(args) => args.execute(),
        Command::Exec(args) => args.into_run().execute(),
        Command::Test(args) => args.execute(),
        Command::Conformance(args) => args.execute(),
        Command::Bench(args) => args.execute(),
        Command::Trace(args) => trace(args),
    }
}

fn print_artifacts(artifacts: &Artifacts) -> Result<u8> {
    println!("kernel    {}", artifacts.kernel.display());
    println!("loader    {}", artifacts.loader.display());
    println!("programs  {}", artifacts.programs.keys().cloned().collect::<Vec<_>>().join(", "));
    Ok(0)
}

/// Hands the trace of the last run to vmtrace.
fn trace(args: TraceArgs) -> Result<u8> {
    let file = place::output(&place::root()?).join("last").join(qemu::TRACE);
    let mut words = vec!["vmtrace".into(), args.command];
    if words[1] != "help" {
        fs::metadata(&file).map_err(|_| Error::NoRun)?;
        words.push(file.into());
    }
    words.extend(args.rest);
    Ok(vmtrace::cli::run(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn typed(line: &str) -> Result<Option<Command>> {
        parse(std::iter::once("xtask").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_mistake_is_one_line_with_what_to_do() {
        for (line, parts) in [
            ("run --exce hello", &["'--exce'", "--exec", "(see cargo xtask run --help)"][..]),
            ("run --mem lots", &["'lots'", "--mem", "(see cargo xtask run --help)"]),
            ("run --machine vax", &["'vax'", "pc, q35"]),
            ("run --exec", &["--exec", "value"]),
            ("run --mem 8", &["8 is not in 16..="]),
            ("run --policy lru", &["'lru'", "--policy", "clock enhanced fifo sieve 2q"]),
            ("run --fault read:swap", &["--fault", "OPERATION:DISK:PROBABILITY", "read:swap:0.01"]),
            ("conformance --user-frames 3/4", &["'3/4'", "1/4", "(see cargo xtask conformance --help)"]),
            ("", &["build, run, image, cc, exec, test, conformance, bench, trace"]),
            (
                "rnu",
                &[
                    "'rnu'",
                    "build, run, image, cc, exec, test, conformance, bench, trace",
                    "(see cargo xtask --help)",
                ],
            ),
            ("test lost", &["'lost'"]),
            ("cc", &["FILE.c", "(see cargo xtask cc --help)"]),
            ("cc a.c -O0", &["'-- -O'", "(see cargo xtask cc --help)"]),
            ("exec", &["PROG", "(see cargo xtask exec --help)"]),
        ] {
            let error = typed(line).unwrap_err();
            let message = error.to_string();
            assert_eq!(error.status(), 2);
            assert!(!message.contains('\n'), "{message}");
            for part in parts {
                assert!(message.contains(part), "{part:?} in {message:?}");
            }
        }
    }

    #[test]
    fn what_follows_the_dashes_goes_to_cargo_test() {
        let Some(Command::Test(args)) = typed("test -- bad --nocapture").unwrap() else { panic!("not test") };
        assert_eq!(args.rest, ["bad", "--nocapture"]);
    }
}
