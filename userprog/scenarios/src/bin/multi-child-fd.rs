//! multi-child-fd: a child reads and closes a descriptor it was left; its parent's is still open and where it was.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    child::run(&cformat!("child-close {fd}"), 0);
    check!(sys::tell(fd) == 0, "the child moved its parent to {}", sys::tell(fd));
    file::expect_data(fd, &SAMPLE);
    0
}
