//! child-inherit: writes where its parent has a mapping and it has nothing; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: nothing of ours lies there, and the store faults.
    must_end("a write to a mapping of its parent", || unsafe { memory::store(0x5432_1000, 0) })
}
