//! create-bound: makes a file whose name lies in two pages of memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(memory::text_across_pages(c"bound.dat"), 0);
    file::expect_bytes(c"bound.dat", b"");
    0
}
