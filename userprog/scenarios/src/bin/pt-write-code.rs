//! pt-write-code: writes to its own text; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: the store faults, because text is read-only.
    must_end("a write to its own text", || unsafe { memory::store(run as *const () as u64, 0) })
}
