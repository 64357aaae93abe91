//! `fork-many [TIMES]`: makes children that end at once, and never waits for them, TIMES (20 000) or until fork fails: what is kept of each for a
//! wait that never comes must not be the end of the kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program, sys};

program!(run);

fn run(args: Args) -> i32 {
    let times = args.value(1, 20_000u32);
    let mut made = 0;
    while made < times {
        match sys::fork(c"fork-many-child") {
            0 => sys::exit(0),
            -1 => break,
            _ => made += 1,
        }
    }
    println!(
        "fork-many: {made} children, {}",
        if made < times { "then no memory" } else { "all that were wanted" }
    );
    0
}
