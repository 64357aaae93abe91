//! file-bad-ptr CALL POINTER: gives a file call a pointer it must not follow; the kernel must end the program with status -1.
//!
//! CALL is one of create, remove, open, read, write. POINTER is one of null, unmapped, text (for read: not writable), kernel,
//! high, wrap, tail (begins well in the program's last page and runs off it). The file `victim` of 8 KiB is what read and
//! write work on; they must leave it as it was: `file-bad-ptr make` makes it and `file-bad-ptr look` looks and removes it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::{Syscall, USER_LIMIT};
use userprog::{Args, PAGE, check, println, program, sys};

program!(run);

const SIZE: usize = 2 * PAGE;
/// What the file holds.
const CONTENT: u8 = b'v';

#[cfg(target_os = "none")]
unsafe extern "C" {
    /// One past the program's last byte; the linker script's.
    static program_end: u8;
}

/// The last bytes of the program's last page, filled with something that is no NUL: what follows is not mapped.
#[cfg(target_os = "none")]
fn last_bytes() -> u64 {
    const LEN: usize = 16;
    let used = &raw const program_end as usize;
    let end = used.next_multiple_of(PAGE);
    check!(end - used >= LEN, "the program fills its last page");
    let to = (end - LEN) as *mut [u8; LEN];
    // SAFETY: the page is the program's, writable, and no variable lies at or above `program_end`.
    unsafe { to.write_volatile([b'x'; LEN]) };
    to as u64
}

#[cfg(not(target_os = "none"))]
fn last_bytes() -> u64 {
    0
}

fn run(args: Args) -> i32 {
    match args.get(1).unwrap_or("") {
        "make" => make(),
        "look" => look(),
        call => bad(call, args.get(2).unwrap_or("")),
    }
}

fn make() -> i32 {
    check!(sys::create(c"victim", 0), "no file");
    let fd = sys::open(c"victim");
    check!(sys::write(fd, &[CONTENT; SIZE]) == SIZE as i32, "the file cannot be filled");
    0
}

fn look() -> i32 {
    let fd = sys::open(c"victim");
    let mut content = [0; SIZE + 1];
    check!(sys::read(fd, &mut content) == SIZE as i32, "the file has another size");
    check!(content[..SIZE].iter().all(|&byte| byte == CONTENT), "the file was changed");
    check!(sys::remove(c"victim"), "not removed");
    0
}

fn bad(call: &str, pointer: &str) -> i32 {
    let address = match pointer {
        "null" => 0,
        "unmapped" => 0x1012_3420,
        "text" => run as *const () as u64,
        "kernel" => USER_LIMIT,
        "high" => 0xffff_8000_0000_0000,
        "wrap" => u64::MAX - 7,
        "tail" => last_bytes(),
        _ => 0,
    };
    let fd = sys::open(c"victim") as u64;
    let n = SIZE as u64;
    let (call, arguments) = match call {
        "create" => (Syscall::Create, [address, 1, 0, 0, 0, 0]),
        "remove" => (Syscall::Remove, [address, 0, 0, 0, 0, 0]),
        "open" => (Syscall::Open, [address, 0, 0, 0, 0, 0]),
        "read" => (Syscall::Read, [fd, address, n, 0, 0, 0]),
        "write" => (Syscall::Write, [fd, address, n, 0, 0, 0]),
        _ => {
            check!(false, "'{call}' is none of make, look, create, remove, open, read, write");
            return 1;
        }
    };
    // SAFETY: what the call would write to is not memory of this program, or read-only.
    let result = unsafe { sys::raw(call as u64, arguments) };
    println!("file-bad-ptr: FAILED: {call:?} of {pointer} returned {}", result as i32);
    1
}
