//! pt-write-code2: lets read() write to its own text; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    fatal(Syscall::Read, [fd as u64, run as *const () as u64, 1, 0, 0, 0])
}
