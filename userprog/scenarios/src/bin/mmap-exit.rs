//! mmap-exit: what a child wrote to a mapping is in the file when the child has ended.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    child::run(c"child-mm-wrt", 0);
    file::expect_bytes(c"mapped.dat", &SAMPLE.start::<{ SAMPLE.len }>());
    0
}
