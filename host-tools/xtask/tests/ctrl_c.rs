//! Ctrl-C during a run, with a script in QEMU's place. In a process of its own, because the signal goes to all of it.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{run, still_runs};
use rustix::process::{Signal, getpid, kill_process};
use xtask::run::End;

#[test]
fn ctrl_c_ends_qemu_in_order_and_leaves_what_was_traced() {
    let (run, dir) = run("spin");
    let running = dir.path().join("out put/last/pid");
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let patience = Instant::now() + Duration::from_secs(20);
            while !running.exists() && Instant::now() < patience {
                thread::sleep(Duration::from_millis(5));
            }
            kill_process(getpid(), Signal::INT).unwrap();
        });
        run.start().unwrap()
    });
    assert_eq!((&outcome.end, outcome.status()), (&End::Signal(2), 130));
    assert!(!still_runs(&outcome));
    assert_eq!(fs::read(outcome.trace()).unwrap(), b"half a pack");
    assert!(outcome.complaint().unwrap().contains("stopped by signal 2"));
}
