//! fork(2), exec(2), wait(2): what the program gives is copied and checked here; the work is `process`'s.

use crate::arch::entry::TrapFrame;
use crate::mm::{budget, heap};
use crate::process::{self, Entrance};
use crate::trace::emit;
use crate::vm::user::{self, BadPointer};
use alloc::vec;
use fl_abi::NAME_MAX;
use fl_addr::Pid;
use fl_trace::event::{Event, ExitCause, Name, ProcessWait};

/// `fork(name)`: the child's identifier, or -1 for want of memory. A bad name ends the process.
pub fn fork(frame: &TrapFrame) -> i64 {
    let mut name = [0; NAME_MAX];
    let Ok(len) = user::read_string(frame.rdi, &mut name) else { process::fail_copy() };
    let name = Name::new(&name[..len.min(NAME_MAX)]);
    process::fork(frame, name).map_or(-1, |pid| i64::from(pid.0))
}

/// `exec(command line)`: the way into the new program, or the end of the process.
pub fn exec(command: u64) -> Entrance {
    try_exec(command).unwrap_or_else(|cause| process::kill(cause)) // with nothing in hand: its stack is not unwound
}

fn try_exec(line: u64) -> Result<Entrance, ExitCause> {
    let memory = budget::reserve(0, heap::taken_by(user::STRING_MAX)).ok_or(ExitCause::NoMemory)?;
    let mut command = vec![0; user::STRING_MAX];
    drop(memory);
    let me = process::current().expect("only user threads call");
    let len = user::read_string(line, &mut command).map_err(|BadPointer| me.copy_failure())?;
    process::exec(&command[..len])
}

/// `wait(pid)`: the child's status, once; -1 if it was killed, is no child, or was waited for before.
pub fn wait(pid: u64) -> i64 {
    let me = process::current().expect("only user threads call");
    let Some(child) = me.take_child(Pid(pid as u32)) else { return -1 };
    let pid = child.pid;
    let Some(ended) = me.wait_for(child) else { return -1 }; // and ends on its way back
    let status = ended.status;
    emit(Event::ProcessWait(ProcessWait { pid: me.pid, child: pid, status }));
    i64::from(status)
}
