//! The `vmtrace` program: everything is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(vmtrace::cli::run(std::env::args_os()))
}
