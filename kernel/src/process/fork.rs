//! fork(2): a process like the running one, from where it is.

use super::start::{self, Start};
use super::table::{self, Process};
use crate::arch::entry::TrapFrame;
use crate::arch::fpu::FpuState;
use crate::inject::{self, Point};
use crate::mm::{budget, heap};
use crate::sched::{self, UserPart, UserThread};
use crate::trace::{drain, emit};
use crate::vm::SpaceError;
use alloc::boxed::Box;
use fl_addr::Pid;
use fl_trace::event::{Event, Name, ProcessFork};

/// No memory for another process. Nothing is left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl From<sched::SpawnError> for NoMemory {
    fn from(e: sched::SpawnError) -> Self {
        match e {
            sched::SpawnError::NoMemory => Self,
        }
    }
}

impl From<SpaceError> for NoMemory {
    fn from(e: SpaceError) -> Self {
        match e {
            SpaceError::NoMemory => Self,
            SpaceError::Bad(_) | SpaceError::Layout => unreachable!("a copy has the layout of its original"),
        }
    }
}

impl From<fl_files::NoMemory> for NoMemory {
    fn from(_: fl_files::NoMemory) -> Self {
        Self
    }
}

/// Copies the running process, which is in a system call with `frame`: memory, registers, floating-point state, open files.
/// The child returns 0 from the same call. Returns when the child is complete.
pub fn fork(frame: &TrapFrame, name: Name) -> Result<Pid, NoMemory> {
    drain::admit();
    let parent = table::current().expect("only user threads fork");
    // What can fail comes first, the space last: nothing of it has to be undone.
    let thread = UserThread::prepare()?;
    let growth = parent.children.lock().growth();
    let files = parent.files.lock();
    let heap = Process::HEAP
        + files.heap_of_fork()
        + heap::taken_by(size_of::<TrapFrame>())
        + heap::taken_by(growth);
    let memory = budget::reserve(0, heap).ok_or(NoMemory)?;
    parent.children.lock().reserve().map_err(|_| NoMemory)?;
    let fpu = FpuState::of_registers().ok_or(NoMemory)?;
    let files = files.try_fork()?;
    let space = parent.space.fork()?;
    let table = space.table.clone();
    let registers = Start::Registers(Box::new(TrapFrame { rax: 0, ..*frame }));
    let (process, child) = Process::new(table::next_pid(), parent.pid, name, space, files, registers);
    drop(memory);
    let pid = process.pid;
    parent.children.lock().add(pid, child);
    table::add(&process);
    emit(Event::ProcessFork(ProcessFork { pid, parent: parent.pid, name }));
    inject::pass(Point::Forked);
    thread.start("user", start::first, 0, UserPart::new(table, fpu, process.pid, process));
    Ok(pid)
}
