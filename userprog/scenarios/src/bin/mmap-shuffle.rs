//! mmap-shuffle: exchanges the bytes of a mapping of 128 KiB ten times in random orders; each byte is still there.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    const LEN: usize = 128 * 1024;
    file::create(c"shuffled.dat", LEN);
    memory::shuffle_and_check(map::at(0x1000_0000, LEN, true, file::open(c"shuffled.dat"), 0));
    0
}
