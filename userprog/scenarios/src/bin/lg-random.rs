//! lg-random: writes and reads a file of 150 blocks of 512 bytes in random orders.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<{ 150 * 512 }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    file::fill_random(bytes, 7);
    file::in_random_order(c"shuffled.dat", bytes, 512, &mut [0; 150]);
    0
}
