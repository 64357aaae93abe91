//! write-bad-ptr: writes a file from an address where nothing is; the kernel must end it, and the file stays as it is.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    fatal(Syscall::Write, [fd as u64, memory::NOTHING, 123, 0, 0, 0])
}
