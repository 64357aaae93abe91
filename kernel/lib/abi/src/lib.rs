//! The contract between the kernel and its user programs: system-call numbers, address-space constants, limits.
//!
//! Both sides compile this file. The numbers are those of pintos-kaist, so that its programs run unmodified.
#![no_std]
#![forbid(unsafe_code)]

pub mod cmdline;

/// System-call numbers: passed in `rax`; arguments in `rdi, rsi, rdx, r10, r8, r9`; result in `rax`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Syscall {
    /// `halt()`: powers the machine off at once.
    Halt = 0,
    /// `exit(status: i32)`: ends the process.
    Exit = 1,
    /// `fork(name)`.
    Fork = 2,
    /// `exec(command line)`.
    Exec = 3,
    /// `wait(pid)`.
    Wait = 4,
    /// `create(name, size: u32) -> bool`.
    Create = 5,
    /// `remove(name) -> bool`.
    Remove = 6,
    /// `open(name) -> fd`.
    Open = 7,
    /// `filesize(fd)`.
    Filesize = 8,
    /// `read(fd, buffer, n: u32)`.
    Read = 9,
    /// `write(fd, buffer, n: u32) -> bytes written`.
    Write = 10,
    /// `seek(fd, position: u32)`.
    Seek = 11,
    /// `tell(fd)`.
    Tell = 12,
    /// `close(fd)`.
    Close = 13,
    /// `mmap(addr, len, writable, fd, offset) -> addr or 0`.
    Mmap = 14,
    /// `munmap(addr)`.
    Munmap = 15,
    /// `dup2(old, new)`.
    Dup2 = 22,
    /// `trace(words) -> bool`: changes which classes of events are traced, in the words of the kernel option `trace=`. Not of Pintos; its
    /// numbers end at 31.
    Trace = 64,
}

impl Syscall {
    /// The call of that number, if there is one. Only the low 64 bits as given count: no truncation.
    #[inline]
    pub const fn from_number(n: u64) -> Option<Self> {
        use Syscall::*;
        // One arm for each, and no table: a compiler sees that nothing has to be looked up.
        Some(match n {
            0 => Halt,
            1 => Exit,
            2 => Fork,
            3 => Exec,
            4 => Wait,
            5 => Create,
            6 => Remove,
            7 => Open,
            8 => Filesize,
            9 => Read,
            10 => Write,
            11 => Seek,
            12 => Tell,
            13 => Close,
            14 => Mmap,
            15 => Munmap,
            22 => Dup2,
            64 => Trace,
            _ => return None,
        })
    }
}

/// First address that no user mapping may reach (Pintos' kernel base, 512 GiB + 64 MiB).
pub const USER_LIMIT: u64 = 0x80_0400_0000;
/// One past the highest byte of the user stack; the first stack page is `[USER_STACK - 4096, USER_STACK)`.
pub const USER_STACK: u64 = 0x4748_0000;
/// The stack may grow down to `USER_STACK - STACK_LIMIT` (1 MiB); that region is reserved for it.
pub const STACK_LIMIT: u64 = 1 << 20;
/// A `push` or `call` faults this many bytes below `rsp`; anything lower is a bad access.
pub const STACK_SLACK: u64 = 8;
/// Segments below this address are refused: page 0 stays unmapped so that null pointers fault.
pub const USER_MIN: u64 = 0x1000;
/// Longest process name kept, in bytes (Pintos keeps 15 and a terminator).
pub const NAME_MAX: usize = 15;
/// Longest file name in bytes.
pub const FILE_NAME_MAX: usize = 14;
/// Longest list of words for `trace`, in bytes.
pub const TRACE_WORDS_MAX: usize = 127;
/// Longest command line in bytes, without the terminator: a page with it.
pub const COMMAND_LINE_MAX: usize = 4095;
/// Most words in a command line: as many pointers as a page holds, with the one that is null.
pub const ARGS_MAX: usize = 511;
/// Descriptor of the console's input.
pub const STDIN: i32 = 0;
/// Descriptor of the console's output.
pub const STDOUT: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_call() {
        for n in 0..=255 {
            if let Some(call) = Syscall::from_number(n) {
                assert_eq!(call as u64, n);
            }
        }
        assert_eq!((0..=255).filter_map(Syscall::from_number).count(), 18);
        assert_eq!(Syscall::from_number(1 << 32), None, "a high half is not ignored");
    }
}
