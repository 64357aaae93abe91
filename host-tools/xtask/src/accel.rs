//! Chooses how QEMU executes the guest: by KVM only where a trial start works, else by TCG.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How QEMU executes guest code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accel {
    /// Translation, one host thread per guest CPU. Works everywhere.
    Tcg,
    /// Translation with time counted in instructions and one host thread: repeatable to the bit.
    TcgCounted,
    /// The host's processor.
    Kvm,
}

impl Accel {
    /// QEMU's flags for it.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Tcg => &["-accel", "tcg,thread=multi"],
            Self::TcgCounted => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-rtc",
                "base=2000-01-01T00:00:00,clock=vm",
            ],
            Self::Kvm => &["-accel", "kvm"],
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcg => "TCG",
            Self::TcgCounted => "TCG counting instructions",
            Self::Kvm => "KVM",
        }
    }
}

/// The best way this machine has; `counted` (for repeatable runs) exists in TCG only. The trial is made once per process.
pub fn choose(qemu: &str, counted: bool) -> Accel {
    static KVM: OnceLock<bool> = OnceLock::new();
    if counted {
        return Accel::TcgCounted;
    }
    let worth_a_trial = || {
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        has_virtualisation(&flags) && OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
    };
    if *KVM.get_or_init(|| worth_a_trial() && trial_start_works(qemu)) { Accel::Kvm } else { Accel::Tcg }
}

/// Whether a processor in `/proc/cpuinfo` says vmx or svm.
fn has_virtualisation(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.flat_map(str::split_whitespace).any(|flag| matches!(flag, "vmx" | "svm"))
}

/// Whether QEMU starts with KVM and ends by itself when its monitor is told to. A /dev/kvm may exist and yet abort.
fn trial_start_works(qemu: &str) -> bool {
    // Longer than any working start takes; a KVM that hangs is of no use either.
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut command = Command::new(qemu);
    command.args([
        "-accel",
        "kvm",
        "-cpu",
        "max",
        "-m",
        "16",
        "-nodefaults",
        "-display",
        "none",
        "-monitor",
        "stdio",
    ]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else { return false };
    if let Some(mut monitor) = child.stdin.take() {
        // If QEMU is gone already its status says so.
        let _ = monitor.write_all(b"quit\n");
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vmx_and_svm_count_and_only_among_the_flags() {
        assert!(has_virtualisation("model name : x\nflags\t\t: fpu vmx sse\n"));
        assert!(has_virtualisation("flags\t\t: svm\n"));
        assert!(!has_virtualisation("model name : svm\nflags\t\t: fpu sse svm_lock\n"));
    }

    #[test]
    fn a_trial_that_fails_or_finds_no_qemu_means_no_kvm() {
        assert!(!trial_start_works("false"));
        assert!(!trial_start_works("/no/such/qemu"));
        assert!(trial_start_works("true"), "a start that ends by itself is what is asked for");
    }

    #[test]
    fn counting_is_never_done_by_kvm() {
        assert_eq!(choose("true", true), Accel::TcgCounted);
    }
}
