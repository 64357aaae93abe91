//! child-sort FILE: sorts a file of at most 128 KiB in its data and ends with status 123.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 128 * 1024 }> = Memory::new();

fn run(args: Args) -> i32 {
    merge::sort_file(args, MEMORY.take(), merge::sort);
    123
}
