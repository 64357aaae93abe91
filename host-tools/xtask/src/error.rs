//! [`Error`]: everything that keeps a command from being done, each one line that says what to do.

use std::io;
use std::path::PathBuf;

use crate::image::ImageError;

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command could not be done. Status 2: the caller (or the machine) has to change something first. What a guest
/// does wrong is no error but an [`Outcome`](crate::run::Outcome), except to those who wanted numbers from it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag, value or subcommand that does not exist, or a needed one that is missing.
    #[error("{0}")]
    Usage(String),
    /// `--exec` names a program that is not in the volume.
    #[error("--exec: no program '{name}' in the volume{}; there are: {existing} (add others with --put HOSTFILE, or compile C with cargo xtask cc)", hint(.nearest))]
    NoSuchProgram {
        /// What was asked for.
        name: String,
        /// What there is, comma-separated.
        existing: String,
        /// The most similar name, if one is similar.
        nearest: Option<String>,
    },
    /// A word that no test's name contains.
    #[error("no test's name contains '{word}'{}; all names: cargo xtask test -- -- --list", closest(.close))]
    NoSuchTest {
        /// The word.
        word: String,
        /// Names that may be meant.
        close: Vec<String>,
    },
    /// A name that the volume cannot hold.
    #[error(
        "'{name}' cannot be a file name in the volume: {why}; give another (--put HOSTFILE:NAME, cc -o NAME)"
    )]
    BadName {
        /// The name.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// Two `--put` with the same name.
    #[error("--put: two files named '{0}'; give one of them another name with --put HOSTFILE:NAME")]
    PutTwice(String),
    /// A file that the kernel would refuse to run.
    #[error("{} is no program this kernel can run: {why}", .path.display())]
    NotAProgram {
        /// The host's file.
        path: PathBuf,
        /// The malformation, and its remedy.
        why: String,
    },
    /// A disk image that cannot be used, or has no room.
    #[error("the disk image {}: {why}", .path.display())]
    Disk {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// `--put` names something that has no bytes to copy (a folder, a device), or too many.
    #[error("--put: {} {why}", .path.display())]
    CannotPut {
        /// What was named.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// There is no C compiler.
    #[error("no C compiler: cannot start {tried}; apt-get install gcc, or name one in CC")]
    NoCompiler {
        /// What was looked for.
        tried: String,
    },
    /// A C program does not compile or link.
    #[error("{what} was not compiled: see the messages of {compiler} above")]
    NotCompiled {
        /// The program, or which part of it.
        what: String,
        /// The compiler.
        compiler: String,
    },
    /// The compiler was content, but linked nothing.
    #[error(
        "the compiler made no program: leave out flags that end its work early or send it elsewhere (-c -S -E -o)"
    )]
    NothingLinked,
    /// A file or folder that cannot be read.
    #[error("cannot read {}: {source}{}", .path.display(), remedy(.source))]
    CannotRead {
        /// What was to be read.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file or folder that cannot be written, a full disk among the reasons.
    #[error("cannot write {}: {source}{}", .path.display(), remedy(.source))]
    CannotWrite {
        /// What was to be written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no QEMU by that name.
    #[error(
        "{binary} not found: run ./setup.sh (or apt-get install qemu-system-x86), or name one in FAULTLINE_QEMU"
    )]
    NoQemu {
        /// What was looked for.
        binary: String,
    },
    /// Another program could not be started.
    #[error("cannot start {program}: {source}")]
    CannotStart {
        /// The program.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// QEMU ended before the guest started because it did not like its command line.
    #[error("QEMU refused to start: {0} (see its command line with --dry-run)")]
    QemuRefused(String),
    /// The kernel or the programs do not compile.
    #[error("building failed: see cargo's messages above{0}")]
    BuildFailed(&'static str),
    /// cargo built, but did not say where a package's executable is.
    #[error("cargo built no executable for package '{0}': run cargo clean, then again")]
    NotBuilt(&'static str),
    /// The list of artefacts that `cargo xtask test` hands to the tests is damaged.
    #[error("{}: {why}; run the tests through cargo xtask test", .path.display())]
    BadArtifacts {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There was no run whose trace could be looked at.
    #[error("no run has left a trace yet: make one with cargo xtask run")]
    NoRun,
    /// We were asked to stop.
    #[error("stopped by signal {0}")]
    Stopped(i32),
    /// An image for Limine cannot be made or booted.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A benchmark that gave no numbers.
    #[error("the benchmark has no result: {why}")]
    Bench {
        /// What went wrong in its machine.
        why: String,
    },
    /// Not inside the repository.
    #[error("no Faultline repository here or above: change into it first")]
    NoRepository,
}

impl Error {
    /// The exit status that belongs to it.
    pub fn status(&self) -> u8 {
        match self {
            Self::Stopped(signal) => 128u8.saturating_add(*signal as u8),
            Self::Bench { .. } => 1,
            _ => 2,
        }
    }

    /// For `map_err` after a read of `path`.
    pub(crate) fn reading(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::CannotRead { path, source }
    }

    /// For `map_err` after a write to `path`.
    pub(crate) fn writing(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::CannotWrite { path, source }
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

fn closest(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; close are {}", names.join(", ")) }
}

/// What to do about the commonest answers of the system.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": free some space (old runs lie in target/faultline/runs)"
        }
        io::ErrorKind::PermissionDenied => ": check its permissions",
        io::ErrorKind::NotFound => ": check the path",
        _ => "",
    }
}
