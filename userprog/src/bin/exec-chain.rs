//! exec-chain [STEPS] [WORDS]: becomes itself STEPS times (20), with WORDS further arguments (3); each time its memory and its registers
//! must be as at a program's start, and the descriptor-independent rest, its process and children, what they were.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;
use core::fmt::Write;
use userprog::{Args, LineBuffer, PAGE, check, program, sys};

program!(run);

/// Changed by every program of the chain; the next one must find it as it was.
static mut ZERO: [u64; 2 * PAGE / 8] = [0; 2 * PAGE / 8];

fn run(args: Args) -> i32 {
    let (steps, words) = (args.value(1, 20u32), args.value(2, 3usize));
    if args.count() > 3 {
        check!(args.count() == 4 + words, "{} arguments, not {}", args.count(), 4 + words);
        for i in 0..words {
            check!(args.get(4 + i) == Some("w"), "argument {} is {:?}", 4 + i, args.get(4 + i));
        }
    }
    check!(args.ends_with_null(), "argv does not end with NULL");
    check!(args.argv() as usize % 8 == 0, "argv is not aligned");
    // SAFETY: one thread.
    let zero = unsafe { &mut *(&raw mut ZERO) };
    check!(zero.iter().all(|&word| word == 0), "bss holds what an earlier program wrote");
    zero.fill(u64::from(steps) + 1);
    // The child that the first program made is waited for by the last one.
    let child = match args.get(3) {
        Some(_) => args.value(3, 0i32),
        None => match sys::fork(c"exec-chain-kid") {
            0 => sys::exit(33),
            pid => pid,
        },
    };
    if steps == 0 {
        let status = sys::wait(child);
        check!(status == 33, "the child of the first program exited with {status}");
        return 57;
    }
    let mut command = [0; 4096];
    let mut line = LineBuffer::new(&mut command);
    let written = write!(line, "exec-chain {} {words}  {child}", steps - 1);
    check!(written.is_ok(), "the command line does not fit");
    0
}
