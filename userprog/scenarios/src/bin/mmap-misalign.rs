//! mmap-misalign: mapping at an address that is no page's beginning is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    for address in [0x1000_1234, 0x1000_0001, 0x1000_0fff] {
        map::refused(address, PAGE as u64, fd, 0);
    }
    0
}
