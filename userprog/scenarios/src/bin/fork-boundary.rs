//! fork-boundary: forks a child whose name lies in two pages of memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    child::expect(child::fork(memory::text_across_pages(c"child-simple"), || 54), 54);
    0
}
