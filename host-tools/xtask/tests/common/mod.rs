//! A run with a script in QEMU's place: what the tests of the runner share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use xtask::run::{Outcome, Run};
use xtask::{Artifacts, Profile};

/// A run of `hello` in which the stand-in does `what`, and the folder it leaves things in.
pub fn run(what: &str) -> (Run, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    for file in ["faultline", "loader", "hello"] {
        fs::write(dir.path().join(file), file).unwrap();
    }
    let artifacts = Artifacts {
        profile: Profile::Checked,
        kernel: dir.path().join("faultline"),
        loader: dir.path().join("loader"),
        programs: [("hello".to_owned(), dir.path().join("hello"))].into(),
        scenarios: Default::default(),
        output: dir.path().join("out put"),
    };
    let mut run = Run::new(artifacts).exec("hello").kernel_arg("stand_in", what);
    run.qemu = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-in-qemu.sh").to_owned();
    run.timeout = Some(Duration::from_secs(30));
    (run, dir)
}

/// Whether the stand-in of that run still runs; it left its process id.
pub fn still_runs(outcome: &Outcome) -> bool {
    let pid = fs::read_to_string(outcome.dir.file("pid")).unwrap();
    Path::new("/proc").join(pid.trim()).exists()
}
