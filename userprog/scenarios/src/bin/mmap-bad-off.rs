//! mmap-bad-off: mapping from the middle of a page of a file is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    map::refused(0x1000_0000, PAGE as u64, file::open(LARGE.name), 0x1234);
    0
}
