//! `--gdb`: the script that a run leaves stops gdb where kernel and program begin, with the symbols of both.

use crate::Test;
use qemu_tests::{guest, tail};
use std::process::{Command, Stdio};
use std::thread;
use xtask::cc;
use xtask::run::{End, Outcome, Run};
use xtask::volume::Put;

pub const TESTS: &[Test] =
    &[("gdb_stops_in_kernel_and_program_with_symbols", gdb_stops_in_kernel_and_program)];

/// Why these tests cannot run here.
pub fn missing() -> Option<String> {
    let mut gdb = Command::new("gdb");
    let started = gdb.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = started.is_ok_and(|status| status.success());
    (!there).then(|| "gdb cannot be started (apt-get install gdb)".to_owned())
}

/// Boots under gdb, which does what its script and then `commands` say and lets go; what gdb printed, and the end of the run.
fn debugged(mut guest: Run, commands: &[&str]) -> (String, Outcome) {
    guest.gdb = true;
    let staged = guest.prepare().and_then(|prepared| prepared.stage()).unwrap_or_else(|e| panic!("{e}"));
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-x"]).arg(staged.gdb_script.as_ref().expect("the run waits for gdb"));
    for command in commands.iter().chain(&["detach"]) {
        gdb.args(["-ex", command]);
    }
    // gdb tries again until QEMU listens; should it hang, the end of QEMU at the time limit ends it.
    let machine = thread::spawn(|| staged.start().unwrap_or_else(|e| panic!("{e}")));
    let said = gdb.stdin(Stdio::null()).output().expect("gdb starts");
    let outcome = machine.join().expect("the run ends");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    (text.into_owned(), outcome)
}

/// Asserts that `said` contains these, in order.
fn in_order(said: &str, parts: &[&str], outcome: &Outcome) {
    let mut rest = said;
    for part in parts {
        let at =
            rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing in\n{said}\n{}", tail(outcome)));
        rest = &rest[at + part.len()..];
    }
}

fn gdb_stops_in_kernel_and_program() {
    // One test for both, so that no two runs of it look for a free port at the same time.
    let rust = guest(&["hello"]);
    let (said, outcome) = debugged(rust, &["continue", "continue", "bt", "info registers rip"]);
    let parts = [
        "Breakpoint 1, ",
        "faultline",
        "_start",
        "Breakpoint 2, ",
        "#0",
        "hello::",
        "userprog_main",
        "_start",
        "rip ",
    ];
    in_order(&said, &parts, &outcome);
    assert_eq!(outcome.end, End::PoweredOff, "{said}\n{}", tail(&outcome));

    if let Some(why) = cc::missing() {
        println!("SKIPPED its part on C: {why}");
        return;
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut c = guest(&["debugged a b", "hello"]);
    let output = c.artifacts.output.join(format!("test-gdb-{}", std::process::id()));
    let program = cc::Program {
        files: vec![root.join("tests/tests/qemu/c/debugged.c")],
        name: None,
        flags: Vec::new(),
        quiet: false,
    };
    let file = cc::compile(&root, &output, &program).unwrap_or_else(|e| panic!("{e}"));
    c.put.push(Put { file, name: "debugged".to_owned() });
    let commands =
        ["continue", "continue", "print argv[2]", "hbreak leaf", "continue", "bt", "info registers"];
    let (said, outcome) = debugged(c, &commands);
    let _ = std::fs::remove_dir_all(output);
    let parts = [
        "_start",
        "Breakpoint 2, main (argc=3, argv=0x",
        "debugged.c:",
        "\"b\"",
        "Breakpoint 3, leaf (value=",
        "20)",
        "#0  leaf (value=",
        "#1  ",
        "middle (value=",
        "10)",
        "#2  ",
        "main (argc=3",
        "rip ",
        "<leaf",
    ];
    in_order(&said, &parts, &outcome);
    assert_eq!(outcome.end, End::PoweredOff, "{said}\n{}", tail(&outcome));
}
