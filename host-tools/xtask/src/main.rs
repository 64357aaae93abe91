//! `cargo xtask`: hands the command line to the library and ends with the status it answers.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(xtask::main(std::env::args_os()))
}
