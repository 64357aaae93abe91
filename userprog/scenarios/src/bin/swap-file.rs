//! swap-file: reads a mapped file that is larger than memory, twice.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(LARGE.name);
    let bytes = map::at(0x1000_0000, LARGE.len.next_multiple_of(PAGE), false, fd, 0);
    LARGE.check(0, bytes);
    LARGE.check(0, bytes);
    map::end(bytes);
    sys::close(fd);
    0
}
