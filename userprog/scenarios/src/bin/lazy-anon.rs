//! lazy-anon: a page of zeros is in memory once it was touched, not before, whatever other page was.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 3 * PAGE }> = Memory::new();

fn run(_: Args) -> i32 {
    let address = MEMORY.address();
    memory::check_lazy(address, 3, |page| {
        let byte = address + (page * PAGE) as u64;
        check!(memory::load(byte) == 0, "new memory is not zero");
        // SAFETY: nobody took the memory: only these accesses reach it.
        unsafe { memory::store(byte, page as u8 + 1) };
        check!(memory::load(byte) == page as u8 + 1, "page {page} does not hold what was written");
    });
    0
}
