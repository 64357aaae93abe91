//! spin: computes without end and without a system call: for time limits, Ctrl-C and preemption.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    println!("spin: spinning");
    loop {
        core::hint::spin_loop();
    }
}
