//! pt-bad-read: lets read() write 4096 bytes below the stack pointer, where the stack must not grow; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    fatal(Syscall::Read, [fd as u64, memory::stack_pointer() - PAGE as u64, 1, 0, 0, 0])
}
