//! child-bad: executes a program that is not there, which ends it: what wait-killed executes.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    sys::exec(c"no-such-file");
    survived("exec of a program that is not there")
}
