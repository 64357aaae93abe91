//! halt: powers the machine off from user mode. Programs asked for after it do not run, and it has no exit line.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, program, sys};

program!(run);

fn run(_: Args) -> i32 {
    sys::halt()
}
