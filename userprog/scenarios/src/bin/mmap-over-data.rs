//! mmap-over-data: mapping over the program's data is refused, touched or not.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static DATA: Memory<PAGE> = Memory::new();

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    map::refused(DATA.address(), PAGE as u64, fd, 0);
    DATA.take()[0] = 1;
    map::refused(DATA.address(), PAGE as u64, fd, 0);
    0
}
