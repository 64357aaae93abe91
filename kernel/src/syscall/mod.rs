//! System calls: the number decides, the arguments are checked where they are used.

mod file;
mod inspect;
mod mmap;
mod process;
mod trace;
mod transfer;

pub use inspect::inspect;

use crate::arch::cpu::{ticks_since, tsc};
use crate::arch::entry::TrapFrame;
use crate::arch::interrupts::{self, IrqOff};
use crate::process::{current, exit, fail_copy, halt, kill, leave_if_ending};
use crate::sched;
use crate::trace::{drain, emit};
use crate::vm::user::BadPointer;
use fl_abi::Syscall;
use fl_addr::Pid;
use fl_trace::event::{self, Event, ExitCause};
use fl_trace::field::Ticks;

/// Every system call, from its stub. Entered and left with interrupts off.
#[inline]
pub fn enter(frame: &mut TrapFrame) {
    sched::current().note_user_rsp(frame.rsp);
    interrupts::enable();
    let watching = emit::is_watching();
    if watching {
        timed(frame)
    } else {
        dispatch::<false>(frame, 0)
    }
    leave_if_ending();
    interrupts::disable();
    if !watching {
        emit::count_untraced(&IrqOff::by_gate(), Event::SYSCALL);
    }
}

/// While somebody watches: waits where nothing may be lost, and records the event with the time that the call takes.
#[inline(never)]
fn timed(frame: &mut TrapFrame) {
    drain::admit();
    dispatch::<true>(frame, tsc());
}

/// exec(2), which comes back to another program, by another way.
#[cold]
#[inline(never)]
fn exec(command: u64, watching: bool, at: u64) -> ! {
    let entrance = process::exec(command);
    if watching {
        told(at, Syscall::Exec as u64, 0);
    } else {
        emit::count_untraced(&IrqOff::new(), Event::SYSCALL);
    }
    entrance.pass()
}

/// A system call came back.
#[cold]
#[inline(never)]
fn told(at: u64, number: u64, result: i64) {
    let pid = current().map_or(Pid(0), |process| process.pid);
    // Only calls that exist come back: their numbers are small.
    let (number, time) = (number as u8, Ticks(ticks_since(at)));
    emit(Event::Syscall(event::Syscall { pid, number, result, time }));
}

/// Serves the call in `frame`. Interrupts on. Twice in the image: where somebody watches, the call came in at time `at` and its event is recorded; where
/// nobody does, what the event would need is not in the way.
#[inline(always)]
fn dispatch<const WATCHING: bool>(frame: &mut TrapFrame, at: u64) {
    let Some(call) = Syscall::from_number(frame.rax) else {
        defmt::info!("unknown system call {=u64}", frame.rax);
        kill(ExitCause::BadSyscall)
    };
    let (a, b, c) = (frame.rdi, frame.rsi, frame.rdx);
    let result = match call {
        Syscall::Halt => halt(),
        Syscall::Exit => exit(a as i32),
        Syscall::Fork => Ok(process::fork(frame)),
        Syscall::Exec => exec(a, WATCHING, at),
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
        Ok(value) => {
            if WATCHING {
                told(at, call as u64, value);
            }
            frame.rax = value as u64;
        }
        // Only here, where nothing is held any more: ending the process does not unwind.
        Err(BadPointer) => fail_copy(),
    }
}
