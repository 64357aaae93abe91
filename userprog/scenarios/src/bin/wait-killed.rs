//! wait-killed: the status of a child that the kernel ended is -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    child::run(c"child-bad", -1);
    0
}
