//! How runs end, and what is left behind, with a script in QEMU's place.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{run, still_runs};
use xtask::Error;
use xtask::run::End;

#[test]
fn an_orderly_run_has_status_0_its_console_trace_and_time() {
    let (mut run, dir) = run("poweroff");
    run.console_to = Some(dir.path().join("console copy"));
    run.trace_to = Some(dir.path().join("trace copy"));
    let outcome = run.start().unwrap();
    assert_eq!((&outcome.end, outcome.status(), outcome.complaint()), (&End::PoweredOff, 0, None));
    assert!(outcome.console.ends_with("Powering off...\n"));
    assert!(outcome.first_program.unwrap() <= outcome.duration);
    assert_eq!(fs::read(outcome.trace()).unwrap(), b"trace\0");
    assert_eq!(fs::read(dir.path().join("trace copy")).unwrap(), b"trace\0");
    assert_eq!(fs::read_to_string(dir.path().join("console copy")).unwrap(), outcome.console);
}

#[test]
fn a_program_that_was_never_started_is_status_1() {
    let outcome = run("early").0.exec("hello again").start().unwrap();
    assert_eq!((outcome.status(), outcome.not_started.as_slice()), (1, &["hello again".to_owned()][..]));
    assert!(outcome.complaint().unwrap().contains("'hello again' was not started"));
}

#[test]
fn a_panic_a_reset_and_a_crash_are_status_1_and_told_apart() {
    for (what, end, said) in [
        ("panic", End::Panicked, "the kernel panicked"),
        ("reset", End::Reset, "triple fault"),
        ("crash", End::Died("killed by signal 11".into()), "QEMU died: killed by signal 11"),
    ] {
        let outcome = run(what).0.start().unwrap();
        assert_eq!((&outcome.end, outcome.status()), (&end, 1));
        assert!(outcome.complaint().unwrap().contains(said));
    }
}

#[test]
fn what_the_kernel_cannot_do_is_status_2_in_its_own_words() {
    let outcome = run("cannot").0.start().unwrap();
    assert_eq!(outcome.status(), 2);
    let complaint = outcome.complaint().unwrap();
    assert_eq!(complaint, "the kernel refused to start: panic= works in checked builds only");
}

#[test]
fn a_refused_command_line_and_a_missing_qemu_are_status_2() {
    let error = run("refuse").0.start().unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(error.to_string().contains("unable to find CPU model 'vax'"), "{error}");

    let (mut missing, _dir) = run("poweroff");
    missing.qemu = "/no/such/qemu".into();
    let error = missing.start().unwrap_err();
    assert!(matches!(error, Error::NoQemu { .. }) && error.to_string().contains("./setup.sh"), "{error}");
}

#[test]
fn the_time_limit_is_status_3_ends_qemu_and_keeps_the_trace() {
    let (mut run, _dir) = run("spin");
    run.timeout = Some(Duration::from_millis(500));
    let outcome = run.start().unwrap();
    assert_eq!((&outcome.end, outcome.status()), (&End::Timeout, 3));
    assert!(outcome.complaint().unwrap().contains("--timeout"));
    assert!(!still_runs(&outcome));
    assert_eq!(fs::read(outcome.trace()).unwrap(), b"half a pack");
}

#[test]
fn a_qemu_that_does_not_listen_is_ended_by_force() {
    let (mut run, _dir) = run("deaf");
    run.timeout = Some(Duration::from_millis(500));
    let outcome = run.start().unwrap();
    assert_eq!(outcome.end, End::Timeout);
    assert!(!still_runs(&outcome));
}

#[test]
fn a_full_disk_ends_the_run_with_status_2() {
    let (mut run, _dir) = run("spin");
    run.trace_to = Some("/dev/full".into());
    let error = run.start().unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(error.to_string().contains("cannot write /dev/full"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_qemu_starts() {
    let (mut run, dir) = run("poweroff");
    run.console_to = Some(dir.path().join("no such folder/console"));
    let error = run.start().unwrap_err();
    assert!(
        error.to_string().contains("no such folder/console") && error.to_string().contains("check the path"),
        "{error}"
    );
    assert!(!Path::new(&dir.path().join("out put/last/qemu.log")).exists());
}
