//! exec-boundary: executes a command that lies in two pages of memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    child::run(memory::text_across_pages(c"child-simple"), 81);
    0
}
