//! Runs the command line in this process and keeps what it wrote.
#![allow(dead_code)] // each test file uses a part of it

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use vmtrace::cli::{Env, run_in};
use vmtrace::synth::Run;
use vmtrace::view::paint::Look;

/// What a command did.
pub struct Done {
    /// Its exit status.
    pub status: u8,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `vmtrace ARGS`.
pub fn vmtrace(args: &[&str]) -> Done {
    vmtrace_as(args, Look::PLAIN)
}

/// Runs `vmtrace ARGS` with standard output looking like `look`.
pub fn vmtrace_as(args: &[&str], look: Look) -> Done {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut env = Env { out: &mut out, err: &mut err, look, progress: false, stop: Arc::default() };
    let status = run_in(["vmtrace"].iter().chain(args).map(OsString::from), &mut env);
    Done { status, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Writes a run into `dir` and gives its path.
pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

/// Writes the encoded `run`.
pub fn write_run(dir: &Path, run: &Run) -> String {
    write(dir, "run.vmt", &run.encode().bytes)
}
