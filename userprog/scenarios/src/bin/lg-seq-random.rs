//! lg-seq-random: writes a file of 75,678 bytes in blocks of random sizes.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<75_678> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    let mut random = Random::new(5);
    file::fill_random(bytes, 5);
    file::write_in_blocks(c"random.dat", bytes, || random.below(1031) + 1);
    0
}
