//! `vmtrace completions` and `vmtrace man`: what a shell and `man` want to know.

use super::{Cli, Env, FINE};
use crate::error::Error;
use clap::CommandFactory;
use std::path::PathBuf;

/// Print completions for a shell
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace completions bash > ~/.local/share/bash-completion/completions/vmtrace\n  vmtrace completions fish > ~/.config/fish/completions/vmtrace.fish"
)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page, or write one for each subcommand into a directory
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  vmtrace man | man -l -\n  vmtrace man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// Write vmtrace.1, vmtrace-stats.1 and so on here
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn completions(args: Completions, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "vmtrace", &mut text);
    env.print(&String::from_utf8_lossy(&text))?;
    Ok(FINE)
}

pub fn man(args: Man, env: &mut Env<'_>) -> Result<u8, Error> {
    match args.dir {
        Some(dir) => {
            clap_mangen::generate_to(Cli::command(), &dir)
                .map_err(|e| Error::io("cannot write", dir.display(), e))?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .map_err(|e| Error::io("cannot write", "standard output", e))?;
            env.print(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(FINE)
}
