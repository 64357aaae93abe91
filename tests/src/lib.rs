//! What the QEMU tests share: booting a guest, and everything that must hold after every orderly run.

pub mod code;

use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;
use vmtrace::Trace;
use xtask::Artifacts;
use xtask::qemu::{self, Disk, Link, Ports};
use xtask::run::{Outcome, Run, audit};

/// Lines of the console shown when a test fails.
const TAIL: usize = 40;
/// A run that takes this long is stuck; the slowest takes a few seconds on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A run that has ended, its trace read.
pub struct Ran {
    /// How it ended, and its console.
    pub outcome: Outcome,
    /// Its trace.
    pub trace: Trace,
}

/// The executables of the `checked` profile, or why no guest can be booted here.
pub fn artifacts() -> Result<Artifacts, String> {
    let artifacts = Artifacts::from_env().map_err(|e| e.to_string())?;
    artifacts.ok_or_else(|| "the kernel is built and booted by `cargo xtask test`".to_owned())
}

/// A run of these programs, in order, with the tests' time limit. The trace goes over a virtio console, which carries every event
/// without slowing anything down.
pub fn guest(programs: &[&str]) -> Run {
    let artifacts = artifacts().expect("a test that runs has artefacts");
    let mut run = Run::new(artifacts);
    run.timeout = Some(TIMEOUT);
    run.link = Link::Virtio;
    let run = run.kernel_arg("trace", "block"); // every event counts
    programs.iter().fold(run, |run, program| run.exec(program))
}

/// The same with the trace over a serial port, on a machine with these.
pub fn guest_on(ports: Ports, programs: &[&str]) -> Run {
    let mut run = guest(programs);
    (run.ports, run.link) = (ports, Link::Uart);
    run
}

/// Runs to the end, whatever it is, and reads the trace.
///
/// # Panics
/// If QEMU cannot be started or the trace cannot be read at all.
pub fn run(run: Run) -> Ran {
    let outcome = run.start().unwrap_or_else(|e| panic!("{e}"));
    let trace = Trace::open(outcome.trace())
        .unwrap_or_else(|e| panic!("the trace cannot be read: {e}\n{}", tail(&outcome)));
    Ran { outcome, trace }
}

/// Runs to an orderly power-off and asserts what must hold after every such run: no leak, no loss, no broken invariant.
///
/// # Panics
/// If any of that does not hold; shows the end of the console.
pub fn run_in_order(guest: Run) -> Ran {
    let ran = run(guest);
    let Ran { outcome, trace } = &ran;
    let tail = tail(outcome);
    let wrong = audit(outcome, trace);
    assert!(wrong.is_none(), "{wrong:?}\n{tail}");
    if matches!(outcome.machine.disk, Some(Disk::Virtio | Disk::Kept)) {
        check_by_fsck(&outcome.dir.file(qemu::DISK));
    }
    ran
}

/// Asks `fsck.fat`, if this machine has it, whether a disk that was left in order is.
fn check_by_fsck(image: &Path) {
    static MISSING: Once = Once::new();
    match Command::new("fsck.fat").arg("-n").arg(image).output() {
        Ok(said) => {
            let text = String::from_utf8_lossy(&said.stdout);
            assert!(said.status.success() && !text.contains("Dirty"), "fsck.fat: {text}");
        }
        Err(_) => MISSING
            .call_once(|| println!("SKIPPED fsck.fat after each run: it is not here (package dosfstools)")),
    }
}

/// The console's lines without what differs from run to run: the greeting, which tells the clock's rate, and how deep stacks got, which
/// depends on when interrupts came.
///
/// # Panics
/// If the greeting is not the first line.
pub fn without_timing(console: &str) -> Vec<&str> {
    let mut lines = console.lines();
    let greeting = lines.next().unwrap_or_default();
    assert!(greeting.starts_with("Faultline "), "{greeting:?} is the first line");
    lines.map(|line| line.split("; deepest stack").next().unwrap_or(line)).collect()
}

/// The end of the console, for failure messages.
pub fn tail(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.console_tail(TAIL).collect();
    format!("--- end of the console ---\n{}\n--- ({:?}) ---", lines.join("\n"), outcome.end)
}

impl Ran {
    /// What the console shows between `Executing 'COMMAND':` and its completion.
    ///
    /// # Panics
    /// If the program was not run, or not to its end.
    pub fn output_of(&self, command: &str) -> &str {
        let console = &self.outcome.console;
        let start = format!("Executing '{command}':\n");
        let end = format!("Execution of '{command}' complete.\n");
        let from = console.find(&start).map(|at| at + start.len());
        let from = from.unwrap_or_else(|| panic!("'{command}' was not run\n{}", tail(&self.outcome)));
        let len = console[from..].find(&end);
        let len = len.unwrap_or_else(|| panic!("'{command}' did not end\n{}", tail(&self.outcome)));
        &console[from..from + len]
    }

    /// The process of that name in the trace.
    ///
    /// # Panics
    /// If there is none.
    pub fn pid_of(&self, name: &str) -> fl_addr::Pid {
        let spawn = self.trace.events().iter().find_map(|seen| match &seen.event {
            fl_trace::event::Event::ProcessSpawn(p) if p.name.as_bytes() == name.as_bytes() => Some(p.pid),
            _ => None,
        });
        spawn.unwrap_or_else(|| panic!("no process {name} in the trace"))
    }
}

/// A [`guest`] with its disk in memory: small, fast, the same on every host.
pub fn in_memory(programs: &[&str]) -> Run {
    let mut guest = guest(programs);
    guest.ramdisk = true;
    guest
}

/// What `command` showed must end so.
pub fn assert_ends_with(ran: &Ran, command: &str, end: &str) {
    let output = ran.output_of(command);
    assert!(output.ends_with(end), "{output}\n{}", tail(&ran.outcome));
}
