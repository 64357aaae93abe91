//! System calls: the number decides, the arguments are checked where they are used.

mod inspect;
mod process;
mod write;

pub use inspect::inspect;

use crate::arch::entry::TrapFrame;
use crate::process::{exit, halt, kill};
use fl_abi::Syscall;
use fl_trace::event::ExitCause;

/// Serves the call in `frame`. Interrupts on.
pub fn dispatch(frame: &mut TrapFrame) {
    let Some(call) = Syscall::from_number(frame.rax) else {
        defmt::info!("unknown system call {=u64}", frame.rax);
        kill(ExitCause::BadSyscall)
    };
    match call {
        Syscall::Halt => halt(),
        Syscall::Exit => exit(frame.rdi as i32),
        Syscall::Fork => frame.rax = process::fork(frame) as u64,
        Syscall::Exec => process::exec(frame),
        Syscall::Wait => frame.rax = process::wait(frame.rdi) as u64,
        Syscall::Write => frame.rax = write::write(frame.rdi as i32, frame.rsi, frame.rdx as u32) as u64,
        other => {
            defmt::info!("system call {=u64} is not there yet", other as u64);
            kill(ExitCause::BadSyscall)
        }
    }
}
