//! sm-random: writes and reads a file of 123 blocks of 13 bytes in random orders.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static BYTES: Memory<{ 123 * 13 }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = BYTES.take();
    file::fill_random(bytes, 8);
    file::in_random_order(c"shuffled.dat", bytes, 13, &mut [0; 123]);
    0
}
