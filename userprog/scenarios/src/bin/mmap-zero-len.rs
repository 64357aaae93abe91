//! mmap-zero-len: a mapping of no bytes is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    map::refused(0x1000_0000, 0, file::open(SAMPLE.name), 0);
    0
}
