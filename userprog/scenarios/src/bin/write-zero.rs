//! write-zero: writing no bytes returns 0 and changes nothing.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let n = sys::write(fd, b"");
    check!(n == 0, "write of 0 bytes returned {n}");
    file::expect_data(fd, &SAMPLE);
    0
}
