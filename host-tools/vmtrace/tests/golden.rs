//! The text of every view of one made-up run, byte for byte. `VMTRACE_BLESS=1 cargo test -p vmtrace` renews the files.

mod common;

use common::{vmtrace, vmtrace_as, write};
use std::path::PathBuf;
use vmtrace::synth::{Plan, Run, damage};
use vmtrace::view::paint::Look;

/// Compares `text` with `tests/golden/NAME`, or writes it there.
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("VMTRACE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == wanted,
        "{name} differs from its golden file (VMTRACE_BLESS=1 renews it); it is now:\n{text}"
    );
}

/// The run under a fixed name in a directory of its own, and the commands that are run on it.
fn views(bytes: &[u8], suffix: &str, commands: &[(&str, &[&str])]) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "run.vmt", bytes);
    for (name, args) in commands {
        let mut all = vec![args[0], path.as_str()];
        all.extend(&args[1..]);
        let done = vmtrace(&all);
        golden(&format!("{name}{suffix}.txt"), &(done.out + &done.err).replace(&path, "run.vmt"));
    }
}

#[test]
fn every_view_of_a_whole_run() {
    let bytes = Run::new(Plan::default()).encode().bytes;
    views(
        &bytes,
        "",
        &[
            ("timeline", &["timeline"]),
            ("timeline-pid", &["timeline", "--pid", "4", "--kind", "executable,bad"]),
            ("raw", &["timeline", "--raw", "--to", "10.15ms"]),
            ("raw-json", &["timeline", "--raw", "--json", "--kind", "bad,exit"]),
            ("stats", &["stats"]),
            ("stats-ticks", &["stats", "--unit", "ticks"]),
            ("check", &["check", "--damage"]),
            ("metrics", &["metrics"]),
            ("flame", &["flame", "--folded"]),
        ],
    );
}

#[test]
fn every_view_of_a_damaged_run() {
    let mut encoded = Run::new(Plan { seed: 2, processes: 12, ..Plan::default() }).encode();
    damage(&mut encoded, 2, 8 << 10, 1000);
    views(
        &encoded.bytes,
        "-damaged",
        &[("timeline", &["timeline"]), ("stats", &["stats", "--damage"]), ("check", &["check"])],
    );
}

#[test]
fn a_ring_that_overflowed() {
    let encoded = Run::new(Plan { seed: 3, ring_events: 64, ..Plan::default() }).encode();
    assert!(encoded.dropped > 0);
    views(&encoded.bytes, "-overflow", &[("stats", &["stats"]), ("check", &["check"])]);
}

#[test]
fn every_view_of_a_run_with_too_little_memory() {
    let bytes = Run::under_pressure(Plan { processes: 3, ..Plan::default() }).encode().bytes;
    views(
        &bytes,
        "-pressure",
        &[
            ("timeline", &["timeline"]),
            ("timeline-evict", &["timeline", "--kind", "evict", "--pid", "2"]),
            ("timeline-swap", &["timeline", "--kind", "swap"]),
            ("stats", &["stats"]),
            ("check", &["check"]),
            ("page", &["page", "70"]),
            ("slot", &["slot", "17"]),
            (
                "raw",
                &[
                    "timeline",
                    "--raw",
                    "--kind",
                    "evict,swap,evictor,watermark,frame-wait,blocked",
                    "--to",
                    "11.5ms",
                ],
            ),
        ],
    );
}

#[test]
fn colour_and_blocks_on_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path =
        write(dir.path(), "run.vmt", &Run::new(Plan { processes: 2, ..Plan::default() }).encode().bytes);
    let look = Look { color: true, width: 72, unicode: true };
    let done = vmtrace_as(&["timeline", &path], look);
    golden("timeline-color.txt", &done.out.replace(&path, "run.vmt"));
}

#[test]
fn the_picture_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "run.vmt", &Run::new(Plan::default()).encode().bytes);
    let (one, two) = (vmtrace(&["flame", &path, "-o", "-"]), vmtrace(&["flame", &path, "-o", "-"]));
    assert_eq!(one.status, 0, "{}", one.err);
    assert!(one.out.contains("<svg") && one.out.contains("bad-read [4]") && one.out.contains("ticks"));
    assert_eq!(one.out, two.out);
}
