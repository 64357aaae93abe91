//! QEMU as a child process: started in the run's folder, ended in order, never left behind.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use super::RunDir;
use crate::qemu::{self, Machine};
use crate::{Error, Result};

/// Starts QEMU. It is in a process group of its own, so that Ctrl-C reaches only us and the end is in order.
///
/// # Errors
/// There is no QEMU, or it cannot be started.
pub(super) fn spawn(program: &str, machine: &Machine, dir: &RunDir) -> Result<Child> {
    let log = dir.file(qemu::LOG);
    let log = File::create(&log).map_err(Error::writing(log))?;
    let mut command = Command::new(program);
    command.args(machine.argv()).current_dir(dir.path()).process_group(0);
    let input = if machine.input { Stdio::piped() } else { Stdio::null() };
    command.stdin(input).stdout(Stdio::null()).stderr(log);
    die_with_parent(&mut command);
    command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoQemu { binary: program.to_owned() },
        _ => Error::CannotStart { program: program.to_owned(), source },
    })
}

/// Should we be killed outright, the system ends the child.
#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    let in_child = || Ok(set_parent_process_death_signal(Some(Signal::TERM))?);
    // SAFETY: between fork and exec only async-signal-safe work is allowed; this is one system call, without allocation or lock.
    unsafe { command.pre_exec(in_child) };
}

/// Ends QEMU so that it closes its files; by force if it does not listen.
pub(super) fn end(child: &mut Child) {
    // Longer than QEMU takes to close its files on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(2);
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
        // It may have ended just now; then there is nothing to do.
        let _ = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}
