//! read-stdout: the console's output cannot be read.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let n = sys::read(STDOUT, &mut [0]);
    check!(n == -1, "read of the output returned {n}");
    0
}
