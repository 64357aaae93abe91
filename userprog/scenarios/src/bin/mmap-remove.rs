//! mmap-remove: a mapping keeps its file's bytes when the file is closed, removed, and another one made.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let bytes = map::at(0x1000_0000, PAGE, false, fd, 0);
    sys::close(fd);
    check!(sys::remove(SAMPLE.name), "it cannot be removed");
    check!(sys::open(SAMPLE.name) == -1, "it is still there");
    file::create(c"another.dat", 10 * PAGE);
    SAMPLE.check(0, bytes);
    map::end(bytes);
    0
}
