//! halt-family: a child halts the machine while its parent waits, a sibling spins, and a grandchild waits for input that never comes.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

fn run(_: Args) -> i32 {
    if sys::fork(c"halt-spinner") == 0 {
        loop {
            core::hint::spin_loop();
        }
    }
    let child = sys::fork(c"halt-child");
    if child == 0 {
        if sys::fork(c"halt-reader") == 0 {
            sys::read(fl_abi::STDIN, &mut [0; 16]);
            println!("halt-family: FAILED: input came");
            sys::exit(1);
        }
        sys::halt();
    }
    sys::wait(child);
    check!(false, "the machine was halted, and wait returned");
    0
}
