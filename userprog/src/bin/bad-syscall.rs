//! `bad-syscall [NUMBER]`: makes a system call that does not exist (999): it fails or ends the program, and harms nobody else.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program, sys};

program!(run);

fn run(args: Args) -> i32 {
    let number = args.value(1, 999u64);
    // SAFETY: the arguments point nowhere.
    let result = unsafe { sys::raw(number, [0; 6]) };
    println!("bad-syscall: {number} returned {}", result as i32);
    0
}
