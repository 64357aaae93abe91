//! System calls: one function per call the kernel serves now, and [`raw`] for programs that misuse them on purpose.
//!
//! Numbers are [`fl_abi::Syscall`]. Convention: number in `rax`, arguments in `rdi, rsi, rdx, r10, r8, r9`, result in `rax`;
//! the `syscall` instruction itself spoils `rcx` and `r11`.

use core::ffi::CStr;
use fl_abi::Syscall;

/// Powers the machine off at once. Nothing after it runs, in this program or another.
pub fn halt() -> ! {
    // SAFETY: halt takes no arguments and touches no memory of ours.
    unsafe { raw(Syscall::Halt as u64, [0; 6]) };
    never_returned()
}

/// Ends the process with `status`; the kernel prints `NAME: exit(STATUS)`.
pub fn exit(status: i32) -> ! {
    // SAFETY: exit takes a number; nothing of ours is used afterwards.
    unsafe { raw(Syscall::Exit as u64, [status as u32 as u64, 0, 0, 0, 0, 0]) };
    never_returned()
}

/// Makes a copy of this process called `name` (15 bytes are kept), which goes on from here too: 0 in the child, its process
/// identifier in the parent, -1 if there is none for want of memory.
pub fn fork(name: &CStr) -> i32 {
    // SAFETY: the kernel reads the string up to its NUL; the child has memory of its own.
    unsafe { raw(Syscall::Fork as u64, [name.as_ptr() as u64, 0, 0, 0, 0, 0]) as i32 }
}

/// Runs the program that the first word of `command` names in this process, with all words as its arguments. Returns only if the
/// kernel does not do as it should: a program that cannot be run ends the process.
pub fn exec(command: &CStr) -> i32 {
    // SAFETY: the kernel reads the string up to its NUL; nothing of ours is used if the call succeeds.
    unsafe { raw(Syscall::Exec as u64, [command.as_ptr() as u64, 0, 0, 0, 0, 0]) as i32 }
}

/// Sleeps until the child `pid` has ended and returns its exit status; -1 if it was killed, is no child, or was waited for before.
pub fn wait(pid: i32) -> i32 {
    // SAFETY: wait takes a number and touches no memory of ours.
    unsafe { raw(Syscall::Wait as u64, [pid as u32 as u64, 0, 0, 0, 0, 0]) as i32 }
}

/// Writes `bytes` to `fd`; the number of bytes written, or -1. More than `u32::MAX` bytes are cut to it.
pub fn write(fd: i32, bytes: &[u8]) -> i32 {
    let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the kernel only reads `n` bytes of a slice that is valid for at least as many.
    unsafe {
        raw(Syscall::Write as u64, [fd as u32 as u64, bytes.as_ptr() as u64, u64::from(n), 0, 0, 0]) as i32
    }
}

/// Makes the system call of any number with any six arguments; the raw result.
///
/// # Safety
/// The kernel may write to memory that an argument points to: such memory must be valid for it and borrowed by nobody.
/// A pointer the kernel refuses ends the process, which is what some programs want.
#[cfg(target_os = "none")]
pub unsafe fn raw(number: u64, arguments: [u64; 6]) -> u64 {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: the instruction changes rax, rcx and r11, all declared; memory effects are the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Panics: the host's kernel is another one, and its numbers mean other calls.
///
/// # Safety
/// None on the host; the signature is that of the bare machine.
#[cfg(not(target_os = "none"))]
pub unsafe fn raw(number: u64, _arguments: [u64; 6]) -> u64 {
    panic!("system call {number} made on the host: user programs run only under Faultline");
}

/// A kernel that returns from a call that must not return is broken: stop without another call.
fn never_returned() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
