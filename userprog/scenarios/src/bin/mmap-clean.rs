//! mmap-clean: a page that was only read is not written back: what write() changed meanwhile stays.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let bytes = map::at(0x5432_1000, PAGE, false, fd, 0);
    SAMPLE.check(0, bytes);
    let new = *b"these bytes came by write()";
    file::write(fd, &new);
    map::end(bytes);
    let mut wanted = SAMPLE.start::<{ SAMPLE.len }>();
    wanted[..new.len()].copy_from_slice(&new);
    file::expect_bytes(SAMPLE.name, &wanted);
    0
}
