//! Files by descriptor: positions, sharing, removal, many at once, running programs, bad pointers, full volumes.

use crate::Test;
use qemu_tests::{Ran, guest, in_memory, run_in_order, tail};
use std::fs;
use xtask::volume::Get;

pub const TESTS: &[Test] = &[
    ("file_calls_keep_their_rules", file_calls_keep_their_rules),
    ("a_bad_pointer_given_to_a_file_call_kills_and_changes_nothing", a_bad_pointer_kills),
    ("ten_processes_work_on_one_file", ten_processes_work_on_one_file),
    ("a_program_that_runs_cannot_be_written_to", a_running_program_cannot_be_written_to),
    ("files_hold_what_a_model_of_them_holds_and_the_host_sees_it", files_hold_what_a_model_holds),
    ("a_full_volume_loses_nothing_and_gives_its_room_back", a_full_volume_loses_nothing),
    ("descriptors_end_with_their_process_however_it_ends", descriptors_end_with_their_process),
    ("random_system_calls_harm_nobody", random_system_calls_harm_nobody),
    ("file_calls_fail_cleanly_without_kernel_memory", file_calls_without_memory),
];

fn assert_ends_well(ran: &Ran, commands: &[&str]) {
    for command in commands {
        let name = command.split(' ').next().expect("a name");
        let output = ran.output_of(command);
        assert!(output.ends_with(&format!("{name}: exit(0)\n")), "{output}\n{}", tail(&ran.outcome));
    }
}

fn file_calls_keep_their_rules() {
    let programs = ["file-rules", "file-dup", "file-removed"];
    assert_ends_well(&run_in_order(guest(&programs)), &programs);
    // What they left behind is nothing: they run again on the same volume.
    let twice = [programs, programs].concat();
    assert_ends_well(&run_in_order(in_memory(&twice)), &programs);
}

fn a_bad_pointer_kills() {
    let pointers = ["null", "unmapped", "text", "kernel", "high", "wrap", "tail"];
    let mut commands = vec!["file-bad-ptr make".to_owned()];
    for call in ["create", "remove", "open", "read", "write"] {
        // Names and what is written may well lie in the text.
        let bad = pointers.iter().filter(|&&pointer| pointer != "text" || call == "read");
        commands.extend(bad.map(|pointer| format!("file-bad-ptr {call} {pointer}")));
    }
    commands.push("file-bad-ptr look".to_owned());
    let ran = run_in_order(in_memory(&commands.iter().map(String::as_str).collect::<Vec<_>>()));
    let (make, look) = (&commands[0], &commands[commands.len() - 1]);
    assert_ends_well(&ran, &[make, look]);
    for command in &commands[1..commands.len() - 1] {
        assert_eq!(ran.output_of(command), "file-bad-ptr: exit(-1)\n", "{command}");
    }
}

fn ten_processes_work_on_one_file() {
    let ran = run_in_order(guest(&["file-ten 1", "file-ten 2"]));
    assert_ends_well(&ran, &["file-ten 1", "file-ten 2"]);
}

fn a_running_program_cannot_be_written_to() {
    assert_ends_well(&run_in_order(guest(&["deny-write"])), &["deny-write"]);
}

/// FNV-1a of 64 bits, as the program has it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

fn files_hold_what_a_model_holds() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    for seed in [1, 2, 3] {
        let command = format!("file-model {seed} 3000");
        let mut guest = guest(&[&command]);
        let names = ["model-a", "model-b", "Model-A", "model.c"];
        guest.get = names.map(|name| Get { name: name.to_owned(), file: dir.path().join(name) }).into();
        let ran = run_in_order(guest);
        assert_ends_well(&ran, &[&command]);
        for name in names {
            let content = fs::read(dir.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let line = format!("file-model: {name} {} {:016x}\n", content.len(), fnv1a(&content));
            let told = ran.output_of(&command);
            assert!(told.contains(&line), "the host sees {line:?}, the program told {told}");
        }
    }
}

fn a_full_volume_loses_nothing() {
    let ran = run_in_order(in_memory(&["file-full", "file-rules"]));
    assert_ends_well(&ran, &["file-full", "file-rules"]);
}

fn descriptors_end_with_their_process() {
    // The leak line, which every run in order looks at, is the judge: descriptors open at exit, at a kill, in children, over exec.
    let ran =
        run_in_order(in_memory(&["file-many", "file-bad-ptr make", "file-bad-ptr read null", "file-many"]));
    assert_ends_well(&ran, &["file-many"]);
}

fn random_system_calls_harm_nobody() {
    let commands = ["fuzz-syscalls 1 6000", "fuzz-syscalls 2 6000 4", "file-rules"];
    let ran = run_in_order(in_memory(&commands));
    assert_ends_well(&ran, &commands);
    let output = ran.output_of(commands[1]);
    let made = output.lines().filter_map(|l| l.strip_prefix("fuzz-syscalls: ")?.split_once(" calls, "));
    let made: u32 = made.map(|(calls, _)| calls.parse::<u32>().expect("a number")).sum();
    assert!(made >= 6000, "{made} calls: {output}");
}

fn file_calls_without_memory() {
    let mut small = in_memory(&["file-hoard", "file-many", "file-ten"]);
    small.kernel_frames = Some(300);
    let ran = run_in_order(small);
    assert_ends_well(&ran, &["file-hoard", "file-many", "file-ten"]);
    let hoard = ran.output_of("file-hoard");
    let processes =
        hoard.split(" descriptors in ").nth(1).and_then(|l| l.split(' ').next()?.parse::<u32>().ok());
    assert!(processes.is_some_and(|n| (2..100).contains(&n)), "memory must be what ends the chain: {hoard}");
}
