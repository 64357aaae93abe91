//! `exec-chain [STEPS] [WORDS]`: becomes itself STEPS times (20), with WORDS further arguments (3). Each time memory must be as at a program's
//! start, and the process the same: the child that the first program made is waited for by the last.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt;
use userprog::{Args, PAGE, cformat, check, program, sys};

program!(run);

/// Changed by every program of the chain; the next one must find it as it was.
static mut ZERO: [u64; 2 * PAGE / 8] = [0; 2 * PAGE / 8];

fn run(args: Args) -> i32 {
    let (steps, words) = (args.value(1, 20u32), args.value(2, 3usize));
    if args.count() > 3 {
        check!(args.count() == 4 + words, "{} arguments, not {}", args.count(), 4 + words);
        for i in 4..args.count() {
            check!(args.get(i) == Some("w"), "argument {i} is {:?}", args.get(i));
        }
    }
    check!(args.ends_with_null(), "argv does not end with NULL");
    check!(args.argv().is_aligned(), "argv is not aligned");
    let zero = &raw mut ZERO;
    // SAFETY: there is one thread, and this is the only reference.
    let zero = unsafe { &mut *zero };
    check!(zero.iter().all(|&word| word == 0), "bss holds what an earlier program wrote");
    zero.fill(u64::from(steps) + 1);
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
    sys::exec(&cformat!("exec-chain {} {words}  {child}{}", steps - 1, Words(words)));
    check!(false, "exec returned");
    0
}

/// So many words, each of one letter.
struct Words(usize);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.0).try_for_each(|_| f.write_str("   w"))
    }
}
