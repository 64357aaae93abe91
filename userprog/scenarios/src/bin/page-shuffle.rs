//! page-shuffle: exchanges the bytes of 128 KiB ten times in random orders; each byte is still there at the end.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 128 * 1024 }> = Memory::new();

fn run(_: Args) -> i32 {
    memory::shuffle_and_check(MEMORY.take());
    0
}
