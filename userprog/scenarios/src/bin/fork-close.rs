//! fork-close: a child that closes a descriptor does not close its parent's.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let pid = child::fork(c"child", || {
        sys::close(fd);
        0
    });
    child::expect(pid, 0);
    file::expect_data(fd, &SAMPLE);
    0
}
