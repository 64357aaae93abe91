//! read-boundary: reads a file into a buffer that lies in two pages, neither of which is in memory yet.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let buffer = memory::buffer_across_pages(SAMPLE.len);
    file::read(file::open(SAMPLE.name), buffer);
    SAMPLE.check(0, buffer);
    0
}
