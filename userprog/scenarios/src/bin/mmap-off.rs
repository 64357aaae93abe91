//! mmap-off: maps the second page of a file; what is written there changes that page of the file and no other.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(LARGE.name);
    let bytes = map::at(0x1000_0000, PAGE, true, fd, PAGE as i32);
    sys::close(fd);
    LARGE.check(PAGE, bytes);
    bytes.fill(0);
    map::end(bytes);
    let fd = file::open(LARGE.name);
    let mut page = [0; PAGE];
    for i in 0..3 {
        file::read(fd, &mut page);
        match i {
            1 => check!(page == [0; PAGE], "what was written is not in the file"),
            _ => LARGE.check(i * PAGE, &page),
        }
    }
    0
}
