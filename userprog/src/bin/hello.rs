//! hello: prints a line and ends with status 0. The shortest way through loader, system call and exit.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    println!("hello from ring 3");
    0
}
