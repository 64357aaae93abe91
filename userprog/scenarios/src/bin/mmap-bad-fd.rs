//! mmap-bad-fd: mapping what is no descriptor is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    for fd in [0x5678, -1, i32::MAX] {
        map::refused(0x1000_0000, PAGE as u64, fd, 0);
    }
    0
}
