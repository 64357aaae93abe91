//! mmap-over-stk: mapping over the stack is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let here = memory::stack_pointer();
    map::refused(here - here % PAGE as u64, PAGE as u64, file::open(SAMPLE.name), 0);
    0
}
