//! lg-seq-block: writes a file of 75,678 bytes in blocks of 513.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<75_678> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    file::fill_random(bytes, 3);
    file::write_in_blocks(c"blocks.dat", bytes, || 513);
    0
}
