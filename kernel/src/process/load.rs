//! From a command line to a program that can be run: file, plan, layout of its memory. Changes nothing of any process.

use crate::fs::{self, File, IoError, OpenError};
use crate::mm::{budget, heap};
use crate::vm::{Image, Layout, SpaceError};
use alloc::sync::Arc;
use core::fmt;
use fl_abi::cmdline::byte_arguments;
use fl_abi::{ARGS_MAX, COMMAND_LINE_MAX};

/// Why a program cannot be run. Nothing is left behind.
#[derive(Debug)]
pub enum LoadError {
    /// The command line is empty.
    Empty,
    /// The command line has more bytes than one may have.
    TooLong,
    /// The command line has more words than one may have.
    TooManyArguments,
    /// No file of that name, or it could not be opened.
    Open(OpenError),
    /// The file is no program that can be run, or could not be read, and why.
    Malformed(fl_elf::Error<IoError>),
    /// No kernel memory.
    NoMemory,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no program named"),
            Self::TooLong => write!(f, "a command line of more than {COMMAND_LINE_MAX} bytes"),
            Self::TooManyArguments => write!(f, "more than {ARGS_MAX} arguments"),
            Self::Open(OpenError::NotFound) => f.write_str("open failed"), // Pintos' words
            Self::Open(OpenError::Io(why)) => write!(f, "open failed: {why}"),
            Self::Malformed(fl_elf::Error::Read(why)) => write!(f, "the file could not be read: {why}"),
            Self::Malformed(why) => write!(f, "not a program: {why}"),
            Self::NoMemory => f.write_str("out of kernel memory"),
        }
    }
}

impl From<SpaceError> for LoadError {
    fn from(e: SpaceError) -> Self {
        match e {
            SpaceError::NoMemory => Self::NoMemory,
            // A checked plan neither overlaps itself nor leaves user memory.
            SpaceError::Bad(_) | SpaceError::Layout => unreachable!("the plan was checked"),
        }
    }
}

impl From<fl_files::NoMemory> for LoadError {
    fn from(_: fl_files::NoMemory) -> Self {
        Self::NoMemory
    }
}

/// A program that can be run.
pub struct Program<'a> {
    /// Its name: the first word.
    pub name: &'a [u8],
    /// Its file.
    pub file: Arc<File>,
    /// Where it starts.
    pub entry: u64,
    /// What its memory is to hold.
    pub layout: Layout,
}

/// Looks at the program that `command` names, and whether its words can be its arguments.
pub fn load(command: &[u8]) -> Result<Program<'_>, LoadError> {
    /// Heap bytes of a program's description and its regions, with the open file.
    const HEAP: usize = heap::taken_by(size_of::<Image>()) + 2048;
    if command.len() > COMMAND_LINE_MAX {
        return Err(LoadError::TooLong);
    }
    let name = byte_arguments(command).next().ok_or(LoadError::Empty)?;
    if byte_arguments(command).count() > ARGS_MAX {
        return Err(LoadError::TooManyArguments);
    }
    let memory = budget::reserve(0, HEAP).ok_or(LoadError::NoMemory)?;
    let file = fs::open(name).map_err(LoadError::Open)?;
    let plan = fl_elf::plan(&*file).map_err(LoadError::Malformed)?;
    let entry = plan.entry.0;
    let layout = Layout::new(Arc::new(Image { file: file.clone(), plan }))?;
    drop(memory); // used by now
    Ok(Program { name, file, entry, layout })
}
