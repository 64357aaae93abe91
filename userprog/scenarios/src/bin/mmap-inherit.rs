//! mmap-inherit: a program that a child executes has no mapping of its parent, and the parent keeps it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let bytes = map::at(0x5432_1000, PAGE, false, file::open(SAMPLE.name), 0);
    SAMPLE.check(0, bytes);
    child::run(c"child-inherit", -1);
    SAMPLE.check(0, bytes);
    0
}
