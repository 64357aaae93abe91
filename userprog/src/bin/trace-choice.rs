//! trace-choice: chooses what is traced while it runs: system calls for a stretch, then nothing for another, then what is usual.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, program, sys};

program!(run);

/// What is touched while faults are traced, and while nothing is.
static mut PAGES: [[u8; 4096]; 16] = [[0; 4096]; 16];

/// The positions that system calls are asked about, so that they can be found in the trace.
const CALLS: u32 = 100;

fn run(_: Args) -> i32 {
    ask();
    check!(sys::trace(c"+syscall"), "a class is not taken in");
    ask();
    check!(sys::trace(c"-syscall"), "a class is not left out");
    ask();
    touch(0..8);
    check!(sys::trace(c"none"), "not all are left out");
    touch(8..16);
    check!(sys::trace(c"usual"), "the usual ones do not come back");
    for words in [c"", c"+nothing", c"block", c"fault,", c"+fault -page"] {
        check!(!sys::trace(words), "{words:?} is understood");
    }
    check!(!sys::trace(TOO_LONG), "128 bytes of words are understood");
    0
}

/// 21 times a word of 6 bytes, and two bytes too many.
const TOO_LONG: &core::ffi::CStr = c"fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fault,fa";

fn ask() {
    for _ in 0..CALLS {
        sys::tell(1000);
    }
}

fn touch(pages: core::ops::Range<usize>) {
    for page in pages {
        // SAFETY: this program has one thread, and nobody borrows what is touched.
        unsafe { (&raw mut PAGES[page][0]).write_volatile(1) };
    }
}
