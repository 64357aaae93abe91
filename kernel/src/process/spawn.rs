//! Making a process: file, plan, address space, thread; the arguments are pushed by the new thread itself.

use super::exit;
use super::files::Files;
use super::table::{self, Process};
use crate::arch::entry::{TrapFrame, enter_user};
use crate::arch::interrupts;
use crate::fs::{self, IoError, OpenError};
use crate::sched::{self, SleepLock, UserPart, WaitQueue};
use crate::sync::SpinLock;
use crate::trace::{drain, emit};
use crate::vm::{Image, Space, SpaceError, user};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::AtomicU8;
use fl_abi::cmdline::arguments;
use fl_abi::{ARGS_MAX, USER_STACK};
use fl_addr::Pid;
use fl_trace::event::{Event, ExitCause, Name, ProcessSpawn};

/// Why a program was not started. Nothing is left behind.
#[derive(Debug)]
pub enum SpawnError {
    /// The command line is empty.
    Empty,
    /// More words than a stack page should hold.
    TooManyArguments,
    /// No file of that name, or it could not be opened.
    Open(OpenError),
    /// The file is no program that can be run, or could not be read, and why.
    Malformed(fl_elf::Error<IoError>),
    /// No kernel memory.
    NoMemory,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no program named"),
            Self::TooManyArguments => write!(f, "more than {ARGS_MAX} arguments"),
            Self::Open(OpenError::NotFound) => f.write_str("open failed"), // Pintos' words
            Self::Open(OpenError::Io(why)) => write!(f, "open failed: {why}"),
            Self::Malformed(fl_elf::Error::Read(why)) => write!(f, "the file could not be read: {why}"),
            Self::Malformed(why) => write!(f, "not a program: {why}"),
            Self::NoMemory => f.write_str("out of kernel memory"),
        }
    }
}

impl From<SpaceError> for SpawnError {
    fn from(e: SpaceError) -> Self {
        match e {
            SpaceError::NoMemory => Self::NoMemory,
            // A checked plan neither overlaps itself nor leaves user memory.
            SpaceError::Bad(_) | SpaceError::Layout => unreachable!("the plan was checked"),
        }
    }
}

impl From<fl_files::NoMemory> for SpawnError {
    fn from(_: fl_files::NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Starts the program that `command` names, with its arguments.
pub fn spawn(command: &str, parent: Pid) -> Result<Arc<Process>, SpawnError> {
    drain::admit();
    let mut words = arguments(command);
    let program = words.next().ok_or(SpawnError::Empty)?;
    if arguments(command).count() > ARGS_MAX {
        return Err(SpawnError::TooManyArguments);
    }
    let file = fs::open(program.as_bytes()).map_err(SpawnError::Open)?;
    let plan = fl_elf::plan(&*file).map_err(SpawnError::Malformed)?;
    let entry = plan.entry.0;
    let mut files = Files::new()?;
    files.run(&file);
    let space = Space::new(Arc::new(Image { file, plan }))?;
    let root = space.table.root();
    let process = Arc::new(Process {
        pid: table::next_pid(),
        parent,
        name: Name::new(program.as_bytes()),
        space,
        files: SleepLock::new(files),
        command: String::from(command),
        entry,
        copy_failure: AtomicU8::new(0),
        ended: SpinLock::new(None),
        done: WaitQueue::new(),
    });
    if !table::add(&process) {
        return Err(SpawnError::NoMemory);
    }
    emit(Event::ProcessSpawn(ProcessSpawn { pid: process.pid, parent, name: process.name }));
    let started = sched::spawn_user("user", start, 0, UserPart::new(root, process.clone()));
    if started.is_err() {
        table::remove(process.pid);
        exit::announce(&process, -1, ExitCause::NoMemory);
        return Err(SpawnError::NoMemory);
    }
    Ok(process)
}

/// First function of a user thread: pushes the arguments and enters the program.
extern "C" fn start(_: usize) -> ! {
    let process = table::current().expect("a user thread has a process");
    let pushed = push_arguments(&process);
    let entry = process.entry;
    match pushed {
        Ok(Stack { rsp, argc }) => {
            interrupts::disable();
            // SAFETY: user selectors; the entry lies in an executable segment, below the user limit; this thread runs on the
            // process's page table.
            unsafe { enter_user(&TrapFrame::user(entry, rsp, argc, rsp + 8)) }
        }
        Err(user::BadPointer) => exit::fail_copy(),
    }
}

/// A prepared user stack.
struct Stack {
    rsp: u64,
    argc: u64,
}

/// Lays out, from the top down: the strings, padding to 8, argv with its NULL, a zero return address.
///
/// The copies fault like any other access, so even this page is loaded the one way there is.
fn push_arguments(process: &Process) -> Result<Stack, user::BadPointer> {
    let words = arguments(&process.command);
    let argc = words.clone().count() as u64;
    let bytes: u64 = words.clone().map(|w| w.len() as u64 + 1).sum();
    let strings = USER_STACK - bytes;
    let argv = (strings & !7) - 8 * (argc + 1);
    let rsp = argv - 8;
    sched::current().note_user_rsp(rsp); // so that the stack rule allows what follows
    let mut at = strings;
    for (i, word) in words.enumerate() {
        user::write(at, word.as_bytes())?;
        user::write(at + word.len() as u64, &[0])?;
        user::write(argv + 8 * i as u64, &at.to_le_bytes())?;
        at += word.len() as u64 + 1;
    }
    user::write(argv + 8 * argc, &[0; 8])?;
    user::write(rsp, &[0; 8])?;
    Ok(Stack { rsp, argc })
}
