//! lg-create: makes a file of 75,678 bytes: zeros.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static ZERO: Memory<75_678> = Memory::new();

fn run(_: Args) -> i32 {
    file::create(c"created.dat", 75_678);
    file::expect_bytes(c"created.dat", ZERO.take());
    0
}
