//! `cargo xtask cc`: its flags, and what it says when a C program is made.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Result, cc, place, report};

const EXAMPLES: &str = "\
Examples:
  cargo xtask cc hello.c && cargo xtask exec hello
  cargo xtask cc userprog/c/hello.c -o hello-c             under another name (at most 14 bytes)
  cargo xtask cc sort.c list.c -- -O0 -Wextra              two files, flags for the compiler
  cargo xtask cc hello.c && cargo xtask run --gdb --exec hello    stops in main under gdb

The program gets userprog/c/faultline.h (printf, strings, system calls), which also answers to stdio.h, stdlib.h, string.h,
unistd.h, assert.h and syscall.h. The compiler is the one that CC names, else gcc, else clang.";

/// Flags of `cc`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CcArgs {
    /// The program's files
    #[arg(required = true, value_name = "FILE.c")]
    files: Vec<PathBuf>,
    /// The program's name [default: that of the first file]
    #[arg(short = 'o', value_name = "NAME")]
    name: Option<String>,
    /// Passed on to the compiler, after our own flags
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<OsString>,
}

impl CcArgs {
    /// Compiles; the exit status.
    pub(super) fn execute(self) -> Result<u8> {
        let root = place::root()?;
        let program = cc::Program { files: self.files, name: self.name, flags: self.flags, quiet: false };
        let place = cc::compile(&root, &place::output(&root), &program)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        eprintln!("{}: run it with cargo xtask exec {name}", report::shown(&place, &root));
        Ok(0)
    }
}
