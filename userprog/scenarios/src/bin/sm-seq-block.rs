//! sm-seq-block: writes a file of 5,678 bytes in blocks of 513.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<5678> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    file::fill_random(bytes, 4);
    file::write_in_blocks(c"blocks.dat", bytes, || 513);
    0
}
