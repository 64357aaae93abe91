//! write-stdin: the console's input cannot be written.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let n = sys::write(STDIN, b"x");
    check!(n == -1, "write to the input returned {n}");
    0
}
