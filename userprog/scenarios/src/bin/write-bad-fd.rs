//! write-bad-fd: writing to what is no descriptor returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    for fd in [0x0101_2342, 7, 2546, -5, -8192, i32::MIN + 1, i32::MAX - 1] {
        let n = sys::write(fd, b"x");
        check!(n == -1, "write to descriptor {fd} returned {n}");
    }
    0
}
