//! mmap-read: maps a file: its bytes, then zeros to the page's end.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let bytes = map::at(0x1000_0000, PAGE, false, fd, 0);
    SAMPLE.check(0, bytes);
    map::end(bytes);
    sys::close(fd);
    0
}
