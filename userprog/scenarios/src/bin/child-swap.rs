//! child-swap: writes 1 MiB of memory sparsely and reads it back.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 1024 * 1024 }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = MEMORY.take();
    memory::mark_pages(bytes);
    memory::check_marks(bytes);
    0
}
