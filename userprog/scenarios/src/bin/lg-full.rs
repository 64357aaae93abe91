//! lg-full: writes a file of 75,678 bytes at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<75_678> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    file::fill_random(bytes, 1);
    file::write_in_blocks(c"full.dat", bytes, || 75_678);
    0
}
