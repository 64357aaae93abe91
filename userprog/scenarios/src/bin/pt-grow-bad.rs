//! pt-grow-bad: reads 4096 bytes below the stack pointer, where the stack must not grow; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    must_end("a read far below the stack pointer", || memory::touch(memory::stack_pointer() - PAGE as u64))
}
