//! mmap-zero-len: a mapping of no bytes is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"mapped.dat", 700);
    map::refused(0x1000_0000, 0, file::open(c"mapped.dat"), 0);
    0
}
