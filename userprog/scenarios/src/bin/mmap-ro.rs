//! mmap-ro: writes to a mapping that was asked for without writing; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let bytes = map::at(0x1000_0000, PAGE, false, file::open(LARGE.name), 0);
    LARGE.check(0, bytes);
    // SAFETY: the store faults, because the mapping is read-only.
    must_end("a write to a read-only mapping", || unsafe { memory::store(bytes.as_ptr() as u64, 0) })
}
