//! mmap-twice: one file is mapped at two addresses.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let one = map::at(0x1000_0000, PAGE, false, file::open(SAMPLE.name), 0);
    let other = map::at(0x2000_0000, PAGE, false, file::open(SAMPLE.name), 0);
    SAMPLE.check(0, one);
    SAMPLE.check(0, other);
    0
}
