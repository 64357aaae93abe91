//! open-boundary: opens a file whose name lies in two pages of memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::open(memory::text_across_pages(SAMPLE.name));
    0
}
