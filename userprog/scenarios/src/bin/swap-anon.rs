//! swap-anon: writes 20 MiB of memory sparsely, which is more than there is, and reads it back.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

const PAGES: usize = 20 * 1024 * 1024 / PAGE;
static MEMORY: Memory<{ PAGES * PAGE }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = MEMORY.take();
    memory::mark_pages(bytes);
    memory::check_marks(bytes);
    0
}
