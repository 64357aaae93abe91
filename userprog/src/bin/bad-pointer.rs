//! bad-pointer [CASE]: gives write() a buffer it must not read; the kernel must end it with status -1.
//!
//! CASE is one of null, unmapped (the default), kernel, high, wrap, tail (begins in the program, ends behind its last page).
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::{Syscall, USER_LIMIT};
use userprog::{Args, PAGE, PageAligned, check, println, program, sys};

program!(run);

/// Somewhere in the program's last pages: what is 64 pages further is not mapped.
static LAST: PageAligned<[u8; 1]> = PageAligned([b'\n']);

fn run(args: Args) -> i32 {
    let case = args.get(1).unwrap_or("unmapped");
    let (address, bytes) = match case {
        "null" => (0, 16),
        "unmapped" => (0x1012_3420, 123),
        "kernel" => (USER_LIMIT, 16),
        "high" => (0xffff_8000_0000_0000, 16),
        "wrap" => (u64::MAX - 7, 16),
        "tail" => (&raw const LAST as u64, 64 * PAGE as u64),
        _ => {
            check!(false, "'{case}' is none of null, unmapped, kernel, high, wrap, tail");
            return 1;
        }
    };
    // SAFETY: write only reads the buffer.
    let result = unsafe { sys::raw(Syscall::Write as u64, [1, address, bytes, 0, 0, 0]) };
    println!("bad-pointer: FAILED: write of {case} returned {}", result as i32);
    1
}
