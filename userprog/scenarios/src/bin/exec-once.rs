//! exec-once: executes another program in its place, under its own name.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    sys::exec(c"child-simple");
    survived("exec")
}
