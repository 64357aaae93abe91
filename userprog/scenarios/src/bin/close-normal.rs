//! close-normal: a closed descriptor is gone: reading it returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    sys::close(fd);
    let n = sys::read(fd, &mut [0]);
    check!(n == -1, "read of a closed descriptor returned {n}");
    0
}
