//! Exit statuses, errors, pipes, recording and live reading: the command line as a user meets it.

mod common;

use common::{vmtrace, vmtrace_as, write, write_run};
use fl_trace::console::ConsoleQueue;
use fl_trace::packet::{MAX_FRAME, PACKET_ROOM};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use vmtrace::synth::{Plan, Run};
use vmtrace::view::paint::Look;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vmtrace");

fn run() -> Run {
    Run::new(Plan::default())
}

#[test]
fn unusable_inputs_are_named_with_what_to_do_and_status_2() {
    let dir = tempfile::tempdir().unwrap();
    let empty = write(dir.path(), "empty.vmt", b"");
    let text = write(dir.path(), "console.txt", "Executing 'hello':\nhello, world\n".repeat(9).as_bytes());
    let noise = write(dir.path(), "noise", &[0, 1, 2, 3, 255, 0, 9, 9, 0]);
    let mut newer = run();
    newer.hello.schema += 1;
    let newer = write(dir.path(), "newer.vmt", &newer.encode().bytes);
    let cases = [
        ("/nowhere/run.vmt", "no such file"),
        (dir.path().to_str().unwrap(), "is a directory"),
        (&empty, "is empty: the kernel wrote nothing to COM2"),
        (&text, "is this the COM2 capture? (it looks like text: COM1 carries the console)"),
        (&noise, "no packet found in 9 bytes: is this the COM2 capture?\n"),
        (&newer, "written in schema 4, this vmtrace reads schemas up to 3"),
    ];
    for (path, words) in cases {
        for command in ["stats", "timeline", "check"] {
            let done = vmtrace(&[command, path]);
            assert_eq!((done.status, done.out.as_str()), (2, ""), "{command} {path}");
            assert!(done.err.starts_with("vmtrace: ") && done.err.contains(words), "{}", done.err);
            assert_eq!(done.err.lines().count(), 1);
        }
    }
}

/// A stream that begins with what a firmware wrote, then carries `lines`, one packet each, without those of `cut`.
fn shared_port(lines: &[&str], cut: usize) -> Vec<u8> {
    let mut stream = b"\x1b[2J BdsDxe: starting\0".to_vec();
    let mut queue = ConsoleQueue::<256>::new();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(queue.put(line.as_bytes()), line.len());
        let (mut packet, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        let (bytes, taken) = queue.frame(7, &mut packet, &mut frame).unwrap();
        if at != cut {
            stream.extend_from_slice(bytes);
        }
        queue.sent(taken);
    }
    stream
}

#[test]
fn the_console_of_a_shared_port_is_printed_and_lost_text_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let lines = ["Executing 'hello':\n", "hello from ring 3\n", "Powering off...\n"];
    let whole = write(dir.path(), "whole.vmt", &shared_port(&lines, usize::MAX));
    let done = vmtrace(&["console", &whole]);
    assert_eq!((done.status, done.out, done.err.as_str()), (0, lines.concat(), ""));
    let cut = write(dir.path(), "cut.vmt", &shared_port(&lines, 1));
    let done = vmtrace(&["console", &cut]);
    assert_eq!((done.status, done.out), (1, [lines[0], lines[2]].concat()));
    assert_eq!(done.err, "vmtrace: 18 bytes of the console were lost on the way\n");
}

#[test]
fn wrong_usage_is_status_2_and_help_is_status_0() {
    for args in [&["stats"][..], &["nonsense"], &["stats", "x", "--unit", "parsecs"], &["flame", "x"]] {
        let done = vmtrace(args);
        assert_eq!(done.status, 2, "{args:?}");
        assert!(done.err.contains("error:") && done.out.is_empty(), "{}", done.err);
    }
    let done = vmtrace(&["timeline", "x", "--va", "5..1"]);
    assert!(done.status == 2 && done.err.contains("the range ends before it begins"), "{}", done.err);
    for command in [
        "record",
        "timeline",
        "stats",
        "logs",
        "flame",
        "check",
        "page",
        "frame",
        "console",
        "completions",
        "man",
    ] {
        let done = vmtrace(&[command, "--help"]);
        assert_eq!(done.status, 0);
        assert!(done.out.contains("Examples:"), "{command}: {}", done.out);
    }
    assert!(vmtrace(&["--version"]).out.starts_with("vmtrace "));
}

#[test]
fn completions_and_manual_pages_know_every_subcommand() {
    let done = vmtrace(&["completions", "bash"]);
    assert!(done.status == 0 && done.out.contains("timeline") && done.out.contains("--folded"));
    assert!(vmtrace(&["man"]).out.contains(".TH vmtrace"));
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(vmtrace(&["man", "--dir", dir.path().to_str().unwrap()]).status, 0);
    assert!(dir.path().join("vmtrace-stats.1").exists());
}

#[test]
fn json_is_well_formed_and_carries_the_account_of_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run());
    for command in ["stats", "timeline", "check"] {
        let done = vmtrace(&[command, &path, "--json"]);
        let value: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(value["loss"]["complete"], true, "{command}");
    }
    let stats: serde_json::Value = serde_json::from_str(&vmtrace(&["stats", &path, "--json"]).out).unwrap();
    assert_eq!(stats["complete"], true);
    assert_eq!(stats["by_kind"]["zero"]["count"], 200);
    assert_eq!(stats["by_kind"]["zero"]["p50_ticks"][0], stats["by_kind"]["zero"]["p50_ticks"][1]);
    for line in vmtrace(&["timeline", &path, "--raw", "--json"]).out.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["event"].is_string() && event["ns"].is_number());
    }
}

#[test]
fn filters_leave_only_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run());
    let lines = |args: &[&str]| vmtrace(&[&["timeline", path.as_str(), "--raw"], args].concat()).out;
    assert_eq!(lines(&["--kind", "bad"]).lines().count(), 1);
    assert_eq!(lines(&["--kind", "spawn,exit"]).lines().count(), 10);
    assert_eq!(lines(&["--pid", "3", "--kind", "fault"]).lines().count(), 50);
    assert_eq!(lines(&["--va", "0x804a000+0x1000"]).lines().count(), 5);
    assert_eq!(lines(&["--from", "11ms", "--to", "11ms"]).lines().count(), 0);
    let nothing = vmtrace(&["timeline", &path, "--raw", "--pid", "99"]);
    assert!(nothing.status == 0 && nothing.err.contains("no event passes the filter"));
    let all = vmtrace(&["timeline", &path]).out;
    assert!(all.contains("5 processes, 251 faults"), "{all}");
}

#[test]
fn a_pipe_that_closes_early_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &Run::new(Plan { processes: 200, ..Plan::default() }));
    let mut child = Command::new(PROGRAM)
        .args(["timeline", &path, "--raw"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run());
    let piped = Command::new(PROGRAM).args(["timeline", &path]).output().unwrap();
    assert!(!piped.stdout.contains(&0x1b));
    let colored = Look { color: true, ..Look::PLAIN };
    assert!(vmtrace_as(&["timeline", &path], colored).out.contains('\u{1b}'));
    assert!(!vmtrace_as(&["--color", "never", "timeline", &path], colored).out.contains('\u{1b}'));
    assert!(vmtrace(&["--color", "always", "timeline", &path]).out.contains('\u{1b}'));
}

#[test]
fn standard_input_is_shown_while_it_comes() {
    let encoded = run().encode();
    let mut child = Command::new(PROGRAM)
        .args(["timeline", "-", "--raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let half = encoded.packets[encoded.packets.len() / 2].1;
    stdin.write_all(&encoded.bytes[..half]).unwrap();
    // The first event arrives although the stream goes on.
    let mut first = [0; 40];
    stdout.read_exact(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first).contains("spawn"));
    stdin.write_all(&encoded.bytes[half..]).unwrap();
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(rest.lines().count(), run().events.len());
}

#[test]
fn a_live_timeline_shows_each_process_when_it_ends_and_the_overview_last() {
    let mut child = Command::new(PROGRAM)
        .args(["timeline", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&run().encode().bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("hello (pid 1)").count(), 1);
    assert!(text.find("hello (pid 1)") < text.find("5 processes, 251 faults"), "{text}");
}

#[test]
fn recording_from_a_socket_ends_with_the_run_and_keeps_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, out) = (dir.path().join("com2"), dir.path().join("run.vmt"));
    let listener = UnixListener::bind(&socket).unwrap();
    let bytes = run().encode().bytes;
    let sent = bytes.clone();
    let kernel = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(&sent).unwrap();
        // The line stays open after the goodbye: recording must end by itself.
        let _ = stream.read(&mut [0]);
    });
    let done = vmtrace(&["record", "--from", socket.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.err.contains("515 events; the run ended by power-off"), "{}", done.err);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    kernel.join().unwrap();
}

#[test]
fn a_recording_that_is_cut_off_is_kept_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = run().encode().bytes;
    let from = write(dir.path(), "com2.raw", &bytes[..bytes.len() / 2]);
    let out = dir.path().join("run.vmt");
    let done = vmtrace(&["record", "--from", &from, "-o", out.to_str().unwrap()]);
    assert_eq!(done.status, 0);
    assert!(done.err.contains("the input ended before the run did"), "{}", done.err);
    assert_eq!(std::fs::read(&out).unwrap(), &bytes[..bytes.len() / 2]);
    let same = vmtrace(&["record", "--from", &from, "-o", &from]);
    assert!(same.status == 2 && same.err.contains("would be overwritten"), "{}", same.err);
    let nowhere = vmtrace(&["record", "--from", &from, "-o", "/nowhere/run.vmt"]);
    assert!(nowhere.status == 2 && nowhere.err.contains("cannot create /nowhere/run.vmt"), "{}", nowhere.err);
}

#[test]
fn ctrl_c_ends_a_recording_with_a_readable_file() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = run().encode().bytes;
    let from = write(dir.path(), "com2.raw", &bytes[..bytes.len() / 2]);
    let out = dir.path().join("run.vmt");
    let child = Command::new(PROGRAM)
        .args(["record", "--from", &from, "--follow", "-o", out.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while std::fs::metadata(&out).map_or(0, |m| m.len()) < bytes.len() as u64 / 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopped by Ctrl-C"));
    assert_eq!(vmtrace(&["stats", out.to_str().unwrap()]).status, 0);
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let from = write_run(dir.path(), &run());
    let done = vmtrace(&["record", "--from", &from, "-o", "/dev/full"]);
    assert!(done.status == 2 && done.err.contains("cannot write /dev/full: No space left"), "{}", done.err);
    let done = vmtrace(&["flame", &from, "-o", "/dev/full"]);
    assert!(done.status == 2 && done.err.contains("/dev/full"), "{}", done.err);
}
