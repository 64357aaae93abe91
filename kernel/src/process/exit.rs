//! The end of a process: exit line, event, address space, parent.

use super::table::{self, Ended, Process};
use crate::sched;
use crate::trace::emit;
use core::sync::atomic::Ordering::Relaxed;
use fl_trace::event::{Event, ExitCause, ProcessExit};

/// Ends the running process by its own wish.
pub fn exit(status: i32) -> ! {
    end(status, ExitCause::Exit)
}

/// Ends the running process for what it did: status -1. For `Halt` it ends silently.
pub fn kill(cause: ExitCause) -> ! {
    end(-1, cause)
}

/// Ends the running process after a user copy has failed, for the reason that the fault found.
pub fn fail_copy() -> ! {
    let process = table::current().expect("only user threads copy");
    let no_memory = process.copy_failure.load(Relaxed) == ExitCause::NoMemory as u8;
    kill(if no_memory { ExitCause::NoMemory } else { ExitCause::BadPointer })
}

impl Process {
    /// Notes why a fault inside a user copy could not be resolved.
    pub fn note_copy_failure(&self, cause: ExitCause) {
        self.copy_failure.store(cause as u8, Relaxed);
    }
}

fn end(status: i32, cause: ExitCause) -> ! {
    let process = table::current().expect("only user threads end so");
    announce(&process, status, cause);
    sched::leave_space();
    process.space.clear();
    process.files.lock().close_all();
    table::remove(process.pid);
    // The parent may go on from here; everything it could see is in order.
    *process.ended.lock() = Some(Ended { status, cause });
    process.done.wake_all();
    sched::exit() // the thread holds the last reference but the parent's; it goes when the stack has been left
}

/// Prints the exit line and records the event.
pub(super) fn announce(process: &Process, status: i32, cause: ExitCause) {
    emit(Event::ProcessExit(ProcessExit { pid: process.pid, status, cause }));
    if cause != ExitCause::Halt {
        sched::console_print(format_args!("{}: exit({status})\n", process.name.as_bytes().escape_ascii()));
    }
}
