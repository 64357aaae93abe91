//! read-zero: reading no bytes returns 0 and leaves the buffer alone.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let mut byte = [123];
    let n = sys::read(fd, &mut byte[..0]);
    check!(n == 0, "read of 0 bytes returned {n}");
    check!(core::hint::black_box(byte) == [123], "read of 0 bytes wrote {}", byte[0]);
    check!(sys::tell(fd) == 0, "read of 0 bytes moved to {}", sys::tell(fd));
    0
}
