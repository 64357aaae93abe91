//! How a new thread of a process enters user mode: at the entry of a program, its arguments pushed, or where its parent called fork.

use super::exit;
use super::table;
use crate::arch::entry::{TrapFrame, enter_user};
use crate::arch::interrupts;
use crate::sched;
use crate::vm::user::{self, BadPointer};
use alloc::boxed::Box;
use fl_abi::USER_STACK;
use fl_abi::cmdline::byte_arguments;

/// Where a process begins.
pub enum Start {
    /// At the entry of its program, with the words of the command line.
    Program {
        /// The command line.
        command: Box<[u8]>,
        /// The program's entry.
        entry: u64,
    },
    /// With these registers.
    Registers(Box<TrapFrame>),
}

/// First function of a user thread.
pub extern "C" fn first(_: usize) -> ! {
    let process = table::current().expect("a user thread has a process");
    let entrance = match &process.start {
        Start::Registers(frame) => Entrance(**frame),
        Start::Program { command, entry } => match push_arguments(command) {
            Ok(stack) => stack.enter(*entry),
            Err(BadPointer) => exit::fail_copy(),
        },
    };
    entrance.pass()
}

/// The registers with which the running thread is to enter user mode, all of them: at the entry of a checked program, or where its parent called
/// fork. Made in this file only.
pub struct Entrance(TrapFrame);

impl Entrance {
    /// Enters user mode with them. Nothing on the kernel stack is kept: whoever calls this owns nothing that must be given back.
    pub fn pass(self) -> ! {
        exit::leave_if_ending();
        interrupts::disable();
        // SAFETY: user selectors; the address lies in an executable segment of a checked program or is one that the parent came from, so
        // below the user limit; this thread runs on the process's page table.
        unsafe { enter_user(&self.0) }
    }
}

/// A prepared user stack.
pub struct Stack {
    rsp: u64,
    argc: u64,
}

impl Stack {
    /// The way into a program that starts on it, at `entry` in one of its executable segments.
    pub fn enter(&self, entry: u64) -> Entrance {
        Entrance(TrapFrame::user(entry, self.rsp, self.argc, self.rsp + 8))
    }
}

/// Lays out, from the top down: the strings, padding to 8, argv with its NULL, a zero return address.
///
/// The copies fault like any other access, so even this page is loaded the one way there is.
pub fn push_arguments(command: &[u8]) -> Result<Stack, BadPointer> {
    let words = byte_arguments(command);
    let argc = words.clone().count() as u64;
    let bytes: u64 = words.clone().map(|w| w.len() as u64 + 1).sum();
    let strings = USER_STACK - bytes;
    let argv = (strings & !7) - 8 * (argc + 1);
    let rsp = argv - 8;
    sched::current().note_user_rsp(rsp); // so that the stack rule allows what follows
    let mut at = strings;
    for (i, word) in words.enumerate() {
        user::write(at, word)?;
        user::write(at + word.len() as u64, &[0])?;
        user::write(argv + 8 * i as u64, &at.to_le_bytes())?;
        at += word.len() as u64 + 1;
    }
    user::write(argv + 8 * argc, &[0; 8])?;
    user::write(rsp, &[0; 8])?;
    Ok(Stack { rsp, argc })
}
