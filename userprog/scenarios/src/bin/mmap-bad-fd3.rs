//! mmap-bad-fd3: mapping the console's output is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    map::refused(0x1000_0000, PAGE as u64, STDOUT, 0);
    0
}
