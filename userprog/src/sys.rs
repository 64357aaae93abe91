//! System calls: one function per call, and [`raw`] for programs that misuse them on purpose.
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

/// Makes a file of `size` zero bytes. False: there is one of that name, the name is not 1 to 14 bytes long, or there is no room.
pub fn create(name: &CStr, size: u32) -> bool {
    // SAFETY: the kernel reads the string up to its NUL.
    unsafe { raw(Syscall::Create as u64, [name.as_ptr() as u64, u64::from(size), 0, 0, 0, 0]) != 0 }
}

/// Takes a file's name at once, and the file when nobody has it open any more. False: there is none of that name.
pub fn remove(name: &CStr) -> bool {
    // SAFETY: the kernel reads the string up to its NUL.
    unsafe { raw(Syscall::Remove as u64, [name.as_ptr() as u64, 0, 0, 0, 0, 0]) != 0 }
}

/// A descriptor of 2 or more, with a position of its own at the file's beginning; -1 if there is no such file or no room.
pub fn open(name: &CStr) -> i32 {
    // SAFETY: the kernel reads the string up to its NUL.
    unsafe { raw(Syscall::Open as u64, [name.as_ptr() as u64, 0, 0, 0, 0, 0]) as i32 }
}

/// The file's size in bytes; -1 for what is no open file.
pub fn filesize(fd: i32) -> i32 {
    number(Syscall::Filesize, [fd as u32, 0])
}

/// Reads from the position of `fd` on: how many bytes, 0 at the end, -1 for what cannot be read. At most `i32::MAX` at once.
pub fn read(fd: i32, bytes: &mut [u8]) -> i32 {
    let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the kernel writes at most `n` bytes of a slice that is ours and valid for at least as many.
    unsafe {
        raw(Syscall::Read as u64, [fd as u32 as u64, bytes.as_mut_ptr() as u64, u64::from(n), 0, 0, 0]) as i32
    }
}

/// Writes from the position of `fd` on: how many bytes, fewer if the volume is full, 0 while the file is being run, -1 for what
/// cannot be written. At most `i32::MAX` at once. What one call writes to the console stands there unbroken.
pub fn write(fd: i32, bytes: &[u8]) -> i32 {
    let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the kernel only reads `n` bytes of a slice that is valid for at least as many.
    unsafe {
        raw(Syscall::Write as u64, [fd as u32 as u64, bytes.as_ptr() as u64, u64::from(n), 0, 0, 0]) as i32
    }
}

/// Moves the position of `fd`; it may lie past the end.
pub fn seek(fd: i32, position: u32) {
    number(Syscall::Seek, [fd as u32, position]);
}

/// The position of `fd`; -1 for what is no open file.
pub fn tell(fd: i32) -> i32 {
    number(Syscall::Tell, [fd as u32, 0])
}

/// Closes `fd`. For a number that is not open nothing happens.
pub fn close(fd: i32) {
    number(Syscall::Close, [fd as u32, 0]);
}

/// Makes `new` (any number from 0 on) share file and position with `old`, after closing what it was: `new`, or -1.
pub fn dup2(old: i32, new: i32) -> i32 {
    number(Syscall::Dup2, [old as u32, new as u32])
}

/// Changes which classes of events are traced, in the words of the kernel option `trace=`: `none`, `usual`, `+syscall`, `-frames`. False if there
/// is a word that it does not know; then nothing changes. It is for the whole machine and stays until somebody changes it again.
pub fn trace(words: &CStr) -> bool {
    // SAFETY: the kernel only reads a string.
    unsafe { raw(Syscall::Trace as u64, [words.as_ptr() as u64, 0, 0, 0, 0, 0]) != 0 }
}

/// Shows `len` bytes of the file `fd` from `offset` on at `address`; both lie at page boundaries. `address`, or 0.
///
/// # Safety
/// The addresses must not be those of anything that Rust knows of.
pub unsafe fn mmap(address: usize, len: usize, writable: bool, fd: i32, offset: i32) -> usize {
    let arguments =
        [address as u64, len as u64, u64::from(writable), fd as u32 as u64, offset as u32 as u64, 0];
    // SAFETY: the kernel refuses what is in use; the rest is the caller's promise.
    unsafe { raw(Syscall::Mmap as u64, arguments) as usize }
}

/// Ends the mapping that begins at `address`, after writing back what it changed.
///
/// # Safety
/// Nothing may refer to the mapping any more.
pub unsafe fn munmap(address: usize) {
    // SAFETY: by this function's contract.
    unsafe { raw(Syscall::Munmap as u64, [address as u64, 0, 0, 0, 0, 0]) };
}

/// A call that takes numbers only and returns one.
fn number(call: Syscall, [a, b]: [u32; 2]) -> i32 {
    // SAFETY: no argument is a pointer.
    unsafe { raw(call as u64, [a.into(), b.into(), 0, 0, 0, 0]) as i32 }
}

/// Which frame holds the byte at `address`: 0 if none does now, else a token that is equal exactly while the frame is the same.
/// Looking changes nothing: no page is loaded for it.
#[cfg(target_os = "none")]
pub fn frame_of(address: u64) -> u64 {
    let token;
    // SAFETY: interrupt 0x42 answers in rax and leaves memory and every other register alone.
    unsafe { core::arch::asm!("int 0x42", inlateout("rax") address => token, options(nostack, readonly)) };
    token
}

/// Panics, as [`raw`] does on the host.
#[cfg(not(target_os = "none"))]
pub fn frame_of(address: u64) -> u64 {
    panic!("interrupt 0x42 for {address:#x} on the host: user programs run only under Faultline");
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
