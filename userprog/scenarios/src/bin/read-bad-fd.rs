//! read-bad-fd: reading what is no descriptor returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    for fd in [0x2010_1234, 5, 1234, -1, -1024, i32::MIN, i32::MAX] {
        let n = sys::read(fd, &mut [0]);
        check!(n == -1, "read of descriptor {fd} returned {n}");
    }
    0
}
