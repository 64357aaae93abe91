//! Making a process from a command line: for the kernel, which runs the first ones.

use super::ending::Child;
use super::files::Files;
use super::load::{LoadError, load};
use super::start::{self, Start};
use super::table::{self, Process};
use crate::arch::fpu::FpuState;
use crate::mm::{budget, heap};
use crate::sched::{self, UserPart, UserThread};
use crate::trace::{drain, emit};
use crate::vm::Space;
use alloc::boxed::Box;
use fl_addr::Pid;
use fl_trace::event::{Event, Name, ProcessSpawn};

/// Starts the program that `command` names, with its arguments.
pub fn spawn(command: &str, parent: Pid) -> Result<Child, LoadError> {
    drain::admit();
    let command = command.as_bytes();
    let program = load(command)?;
    let thread = UserThread::prepare()?;
    let heap = Process::HEAP + Files::HEAP + heap::taken_by(command.len());
    let memory = budget::reserve(0, heap).ok_or(LoadError::NoMemory)?;
    let fpu = FpuState::initial().ok_or(LoadError::NoMemory)?;
    let mut files = Files::new()?;
    files.run(&program.file);
    let space = Space::new(program.layout)?;
    let table = space.table.clone();
    // From here on nothing fails.
    let begin = Start::Program { command: Box::from(command), entry: program.entry };
    let name = Name::new(program.name);
    let (process, child) = Process::new(table::next_pid(), parent, name, space, files, begin);
    drop(memory);
    table::add(&process);
    emit(Event::ProcessSpawn(ProcessSpawn { pid: process.pid, parent, name: process.name }));
    thread.start("user", start::first, 0, UserPart::new(table, fpu, process.pid, process));
    Ok(child)
}

impl From<sched::SpawnError> for LoadError {
    fn from(e: sched::SpawnError) -> Self {
        match e {
            sched::SpawnError::NoMemory => Self::NoMemory,
        }
    }
}
