//! mmap-null: mapping at address 0 is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    map::refused(0, PAGE as u64, file::open(SAMPLE.name), 0);
    0
}
