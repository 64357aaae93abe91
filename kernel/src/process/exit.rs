//! The end of a process: exit line, event, address space; and the end of all of them.

use super::ending::Ended;
use super::table::{self, Process};
use crate::arch::interrupts;
use crate::sched;
use crate::trace::emit;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_family::Children;
use fl_trace::event::{Event, ExitCause, ProcessExit};

/// Ends the running process by its own wish.
pub fn exit(status: i32) -> ! {
    end(Ended { status, cause: ExitCause::Exit })
}

/// Ends the running process for what it did: status -1. For `Halt` it ends silently.
pub fn kill(cause: ExitCause) -> ! {
    end(Ended { status: -1, cause })
}

/// Ends the running process after a user copy has failed, for the reason that the fault found.
pub fn fail_copy() -> ! {
    kill(table::current().expect("only user threads copy").copy_failure())
}

/// The stack of the thread is not unwound: whoever calls this owns nothing that must be given back.
fn end(how: Ended) -> ! {
    let process = table::current().expect("only user threads end so");
    process.farewell.note(how);
    announce(&process, how);
    let children = core::mem::replace(&mut *process.children.lock(), Children::new());
    drop(children); // those who live on are orphans, those who do not are gone now
    sched::leave_space();
    process.space.clear();
    process.files.lock().close_all();
    table::remove(process.pid);
    // The thread holds the last reference to the process: both go when the stack has been left, and then the parent is told.
    sched::exit()
}

/// Prints the exit line and records the event.
fn announce(process: &Process, how: Ended) {
    let Ended { status, cause } = how;
    emit(Event::ProcessExit(ProcessExit { pid: process.pid, status, cause }));
    if cause != ExitCause::Halt {
        sched::console_print(format_args!("{}: exit({status})\n", process.name.as_bytes().escape_ascii()));
    }
}

/// Whether every process is to end. Relaxed: whoever sees it late ends at its next way out of the kernel, a tick later at most.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// halt(2): the machine is to be powered off at once. Ends the running process and, as they leave the kernel next, all others; silently.
pub fn halt() -> ! {
    stop_all();
    kill(ExitCause::Halt)
}

/// Ends all processes, each on its next way to user mode, without exit lines. Who waits for children or input is woken by that.
pub fn stop_all() {
    STOPPING.store(true, Relaxed);
    sched::end_input();
}

/// Whether the machine is being halted.
pub fn stopping() -> bool {
    STOPPING.load(Relaxed)
}

/// For the way from the kernel to user mode: ends the process if all are to end.
#[inline]
pub fn leave_if_stopping() {
    if stopping() {
        interrupts::enable();
        kill(ExitCause::Halt)
    }
}
