//! bad-write2: writes the first byte that no user may have; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: nothing of ours lies there, and the store faults.
    must_end("a write above user memory", || unsafe { memory::store(USER_LIMIT, 42) })
}
