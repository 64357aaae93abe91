//! What can go wrong before there is anything to show: [`Error`]. One line each: what, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a command could not do its work (exit status 2).
#[derive(Debug)]
pub enum Error {
    /// An operating-system error at a named place.
    Io {
        /// What was tried: "cannot read", "cannot write".
        what: &'static str,
        /// On what.
        place: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The output was closed by its reader: no error for the user.
    BrokenPipe,
    /// The input does not exist.
    NotFound(String),
    /// The input is a directory.
    Directory(String),
    /// The input holds no byte.
    Empty(String),
    /// The input holds bytes but no packet.
    NotATrace {
        /// Which input.
        place: String,
        /// How many bytes.
        bytes: u64,
        /// Whether it looks like text.
        text: bool,
    },
    /// The writer's schema is newer than this program.
    NewerSchema {
        /// What the hello says.
        schema: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// The trace has no hello that names the kernel.
    NoHello,
    /// The ELF is not the kernel that wrote the trace.
    OtherKernel {
        /// The ELF.
        elf: PathBuf,
        /// Its build id, in hex; empty if it has none.
        found: String,
        /// The build id that the trace names.
        wanted: String,
    },
    /// The ELF cannot be used.
    BadElf {
        /// The ELF.
        elf: PathBuf,
        /// Why.
        why: String,
    },
    /// The arguments contradict each other or cannot be read.
    Usage(String),
}

impl Error {
    /// An I/O error at `place`, or [`Error::BrokenPipe`].
    pub fn io(what: &'static str, place: impl fmt::Display, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::NotFound => Self::NotFound(place.to_string()),
            _ => Self::Io { what, place: place.to_string(), source },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, place, source } => write!(f, "{what} {place}: {source}"),
            Self::BrokenPipe => f.write_str("the reader of the output went away"),
            Self::NotFound(place) => write!(f, "{place}: no such file (a run is recorded with `vmtrace record` or `cargo xtask run --trace FILE`)"),
            Self::Directory(place) => write!(f, "{place}: is a directory; name the recorded file in it"),
            Self::Empty(place) => write!(f, "{place}: is empty: the kernel wrote nothing to COM2, or the recording began after it ended"),
            Self::NotATrace { place, bytes, text } => {
                write!(f, "{place}: no packet found in {bytes} bytes: is this the COM2 capture?")?;
                if *text { f.write_str(" (it looks like text: COM1 carries the console)") } else { Ok(()) }
            }
            Self::NewerSchema { schema, known } => write!(
                f,
                "the trace is written in schema {schema}, this vmtrace reads schemas up to {known}: build vmtrace from the kernel's source"
            ),
            Self::NoHello => f.write_str("no hello was received, so the kernel that wrote the trace is unknown (--force: use the ELF all the same)"),
            Self::OtherKernel { elf, found, wanted } => {
                let found = if found.is_empty() { "none" } else { found };
                write!(
                    f,
                    "{}: is not the kernel that wrote this trace (build id {found}, the trace says {wanted}); log lines would be wrong (--force: use it all the same)",
                    elf.display()
                )
            }
            Self::BadElf { elf, why } => write!(f, "{}: {why}", elf.display()),
            Self::Usage(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
