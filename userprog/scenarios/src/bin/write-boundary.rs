//! write-boundary: writes a file from a buffer that lies in two pages of memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let bytes = memory::buffer_across_pages(SAMPLE.len);
    bytes.copy_from_slice(&SAMPLE.start::<{ SAMPLE.len }>());
    bytes.reverse();
    file::write(file::open(SAMPLE.name), bytes);
    file::expect_bytes(SAMPLE.name, bytes);
    0
}
