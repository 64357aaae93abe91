//! `bad-pointer [CASE]`: gives write() a buffer it must not read; the kernel must end it with status -1.
//!
//! CASE is one of null, unmapped (the default), kernel, high, wrap, tail (begins in the program's last page, ends behind
//! it), long (begins with the program itself, and runs off its end after several good pages).
//! Nothing of the buffer may appear on the console.
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::{Syscall, USER_LIMIT};
use userprog::{Args, check, println, program, sys};

program!(run);

const TEXT: &[u8; 16] = b"half of a buffer";

#[cfg(target_os = "none")]
unsafe extern "C" {
    /// One past the program's last byte; the linker script's.
    static program_end: u8;
}

/// The address of [`TEXT`], put into the last bytes of the program's last page: what follows is not mapped.
#[cfg(target_os = "none")]
fn last_bytes() -> u64 {
    let used = &raw const program_end as usize;
    let end = used.next_multiple_of(userprog::PAGE);
    check!(end - used >= TEXT.len(), "the program fills its last page");
    let to = (end - TEXT.len()) as *mut [u8; TEXT.len()];
    // SAFETY: the page is the program's, writable, and no variable lies at or above `program_end`.
    unsafe { to.write_volatile(*TEXT) };
    to as u64
}

#[cfg(not(target_os = "none"))]
fn last_bytes() -> u64 {
    TEXT.as_ptr() as u64
}

fn run(args: Args) -> i32 {
    let case = args.get(1).unwrap_or("unmapped");
    let (address, bytes) = match case {
        "null" => (0, 16),
        "unmapped" => (0x1012_3420, 123),
        "kernel" => (USER_LIMIT, 16),
        "high" => (0xffff_8000_0000_0000, 16),
        "wrap" => (u64::MAX - 7, 16),
        "tail" => (last_bytes(), 2 * TEXT.len() as u64),
        "long" => (0x40_0000, 1 << 20),
        _ => {
            check!(false, "'{case}' is none of null, unmapped, kernel, high, wrap, tail, long");
            return 1;
        }
    };
    // SAFETY: write only reads the buffer.
    let result = unsafe { sys::raw(Syscall::Write as u64, [1, address, bytes, 0, 0, 0]) };
    println!("bad-pointer: FAILED: write of {case} returned {}", result as i32);
    1
}
