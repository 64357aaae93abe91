//! The end of a process: exit line, event, address space; and the end of all of them.

use super::ending::Ended;
use super::table::{self, Process};
use crate::arch::interrupts;
use crate::inject::{self, Point};
use crate::sched;
use crate::trace::emit;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
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
    inject::pass(Point::Exiting);
    process.space.clear();
    process.files.lock().close_all();
    table::remove(process.pid);
    if process.ending.load(Relaxed) {
        TO_END.fetch_sub(1, Relaxed); // after it is out of the table, where it could be chosen
    }
    inject::pass(Point::Exited);
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

/// Why processes are to end that have not yet: [`ALL`], and the number of those that were chosen one by one. Relaxed: whoever sees it late ends at its next
/// way out of the kernel, a tick later at most.
static TO_END: AtomicU32 = AtomicU32::new(0);
/// All of them.
const ALL: u32 = 1 << 31;

/// halt(2): the machine is to be powered off at once. Ends the running process and, as they leave the kernel next, all others; silently.
pub fn halt() -> ! {
    stop_all();
    kill(ExitCause::Halt)
}

/// Ends all processes, each on its next way to user mode, without exit lines. Who waits for children or input is woken by that.
pub fn stop_all() {
    TO_END.fetch_or(ALL, Relaxed);
    sched::end_input();
}

/// Whether the machine is being halted.
pub fn stopping() -> bool {
    TO_END.load(Relaxed) & ALL != 0
}

/// Says that a process is to end for want of memory, if it is not already. With the table of processes locked, so that it is not gone yet.
pub(super) fn note_to_end(process: &Process) {
    if !process.ending.swap(true, Relaxed) {
        TO_END.fetch_add(1, Relaxed);
    }
}

/// How many processes were chosen to end and have not yet.
pub(super) fn left_to_end() -> u32 {
    TO_END.load(Relaxed) & !ALL
}

/// Whether the running process was chosen to end.
pub fn is_ending() -> bool {
    left_to_end() != 0 && table::current().is_some_and(|process| process.ending.load(Relaxed))
}

/// For the way from the kernel to user mode: ends the process if it is to end.
#[inline]
pub fn leave_if_ending() {
    if TO_END.load(Relaxed) != 0 {
        leave();
    }
}

#[cold]
fn leave() {
    let cause = match (stopping(), is_ending()) {
        (true, _) => ExitCause::Halt,
        (false, true) => ExitCause::NoMemory,
        (false, false) => return, // it is others who are to end
    };
    interrupts::enable();
    kill(cause)
}
