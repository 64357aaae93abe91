//! System calls: the number decides, the arguments are checked where they are used.

mod write;

use crate::arch::entry::TrapFrame;
use crate::process;
use fl_abi::Syscall;
use fl_trace::event::ExitCause;

/// Serves the call in `frame`. Interrupts on.
pub fn dispatch(frame: &mut TrapFrame) {
    let Some(call) = Syscall::from_number(frame.rax) else {
        defmt::info!("unknown system call {=u64}", frame.rax);
        process::kill(ExitCause::BadSyscall)
    };
    match call {
        Syscall::Halt => process::kill(ExitCause::Halt),
        Syscall::Exit => process::exit(frame.rdi as i32),
        Syscall::Write => frame.rax = write::write(frame.rdi as i32, frame.rsi, frame.rdx as u32) as u64,
        other => {
            defmt::info!("system call {=u64} is not there yet", other as u64);
            process::kill(ExitCause::BadSyscall)
        }
    }
}
