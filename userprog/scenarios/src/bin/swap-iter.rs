//! swap-iter: 20 MiB of memory and a mapped file, together far more than there is, push each other out by turns.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

const PAGES: usize = 20 * 1024 * 1024 / PAGE;
static MEMORY: Memory<{ PAGES * PAGE }> = Memory::new();

fn run(_: Args) -> i32 {
    let memory = MEMORY.take();
    memory::mark_pages(memory);
    let file = map::at(0x1000_0000, LARGE.len, false, file::open(LARGE.name), 0);
    LARGE.check(0, file);
    memory::check_marks(memory);
    LARGE.check(0, file);
    map::end(file);
    0
}
