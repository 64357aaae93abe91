//! System calls: the number decides, the arguments are checked where they are used.

mod file;
mod inspect;
mod mmap;
mod process;
mod trace;
mod transfer;

pub use inspect::inspect;

use crate::arch::entry::TrapFrame;
use crate::process::{exit, fail_copy, halt, kill};
use crate::vm::user::BadPointer;
use fl_abi::Syscall;
use fl_trace::event::ExitCause;

/// Serves the call in `frame`. Interrupts on.
pub fn dispatch(frame: &mut TrapFrame) {
    let Some(call) = Syscall::from_number(frame.rax) else {
        defmt::info!("unknown system call {=u64}", frame.rax);
        kill(ExitCause::BadSyscall)
    };
    let (a, b, c) = (frame.rdi, frame.rsi, frame.rdx);
    let result = match call {
        Syscall::Halt => halt(),
        Syscall::Exit => exit(a as i32),
        Syscall::Fork => Ok(process::fork(frame)),
        Syscall::Exec => return process::exec(frame),
        Syscall::Wait => Ok(process::wait(a)),
        Syscall::Create => file::create(a, b as u32),
        Syscall::Remove => file::remove(a),
        Syscall::Open => file::open(a),
        Syscall::Filesize => Ok(file::filesize(a as i32)),
        Syscall::Read => transfer::read(a as i32, b, c as u32),
        Syscall::Write => transfer::write(a as i32, b, c as u32),
        Syscall::Seek => Ok(file::seek(a as i32, b as u32)),
        Syscall::Tell => Ok(file::tell(a as i32)),
        Syscall::Close => Ok(file::close(a as i32)),
        Syscall::Mmap => Ok(mmap::mmap(a, b, c as i32, frame.r10 as i32, frame.r8 as i32) as i64),
        Syscall::Munmap => {
            mmap::munmap(a);
            Ok(0)
        }
        Syscall::Dup2 => Ok(file::dup2(a as i32, b as i32)),
        Syscall::Trace => trace::trace(a),
    };
    match result {
        Ok(value) => frame.rax = value as u64,
        // Only here, where nothing is held any more: ending the process does not unwind.
        Err(BadPointer) => fail_copy(),
    }
}
