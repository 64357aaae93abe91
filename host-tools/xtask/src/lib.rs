//! Builds the kernel, the loader and the user programs, and runs them in QEMU.
//!
//! The way through: [`cli`] reads what was typed; [`place`] knows the folders; [`build`] asks cargo for [`Artifacts`];
//! [`volume`] gathers the files of the run, programs that [`cc`] compiled from C among them, [`disk`] puts them into an image; [`kernel_line`] writes the kernel's command line;
//! [`qemu`] writes QEMU's; [`image`] makes an image for Limine; [`gdb`] a script for the debugger; [`run`] stages a
//! private folder, starts QEMU, watches it and says how it ended ([`run::Outcome`]); [`report`] shows what the run was about.
//! [`conformance`] makes many such runs and compares what they show with the table of scenarios; [`mod@bench`] counts instructions.
//! The QEMU tests use [`run::Run`] directly, with the artefacts that `cargo xtask test` built ([`Artifacts::from_env`]).
#![deny(unsafe_code)]

pub mod accel;
pub mod artifacts;
pub mod bench;
pub mod build;
pub mod cc;
pub mod cli;
pub mod conformance;
mod demo;
pub mod disk;
mod error;
pub mod gdb;
pub mod image;
pub mod kernel_line;
pub mod place;
pub mod program_file;
pub mod qemu;
pub mod report;
pub mod run;
mod suggest;
pub mod volume;

pub use artifacts::{Artifacts, Profile};
pub use error::{Error, Result};

use std::ffi::OsString;

/// Does what the command line says (`args[0]` is the program's name); the exit status.
///
/// 0: done (for `run`: all programs ran and the guest powered off). 1: the guest panicked, QEMU died, or a test failed. 2: wrong
/// usage, or something is missing. 3: timeout. 130, 143: ended by Ctrl-C, SIGTERM.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let result = match cli::parse(args) {
        Ok(Some(command)) => cli::execute(command),
        Ok(None) => Ok(0),
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        error.status()
    })
}
