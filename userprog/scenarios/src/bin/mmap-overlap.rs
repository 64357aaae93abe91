//! mmap-overlap: a mapping over another is refused, and the first stays.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let (one, other) = (file::open(ZEROS.name), file::open(ZEROS.name));
    let bytes = map::at(0x1000_0000, 2 * PAGE, false, one, 0);
    map::refused(0x1000_0000, PAGE as u64, other, 0);
    map::refused(0x1000_0000 - PAGE as u64, 2 * PAGE as u64, other, 0);
    map::refused(0x1000_0000 + PAGE as u64, 2 * PAGE as u64, other, 0);
    ZEROS.check(0, bytes);
    0
}
