//! exec(2): another program in the running process.

use super::load::{LoadError, load};
use super::start::{Entrance, push_arguments};
use super::table;
use crate::sched;
use crate::trace::{drain, emit};
use fl_abi::cmdline::byte_arguments;
use fl_trace::event::{Event, ExitCause, Name, ProcessExec};

/// Replaces the running process's program by the one that `command` names and returns the way into it. Name, children and open files stay.
/// The old program's memory is gone before the new one's first page comes.
///
/// On failure the process is to be ended, for that reason. A program that cannot be run has then been named on the console, in Pintos'
/// words: as pintos-kaist's tests demand.
pub fn exec(command: &[u8]) -> Result<Entrance, ExitCause> {
    let process = table::current().expect("only user threads exec");
    let program = load(command).map_err(|error| refuse(command, &error))?;
    drain::admit();
    sched::leave_space();
    process.space.replace(program.layout);
    process.files.lock().run(&program.file);
    sched::enter_space();
    sched::reset_fpu();
    emit(Event::ProcessExec(ProcessExec { pid: process.pid, program: Name::new(program.name) }));
    let stack = push_arguments(command).map_err(|_| process.copy_failure())?;
    Ok(stack.enter(program.entry))
}

fn refuse(command: &[u8], error: &LoadError) -> ExitCause {
    let file = byte_arguments(command).next().unwrap_or(b"");
    defmt::info!("exec: {}", defmt::Display2Format(error));
    sched::console_print(format_args!("load: {}: open failed\n", file.escape_ascii()));
    if matches!(error, LoadError::NoMemory) { ExitCause::NoMemory } else { ExitCause::BadExec }
}
