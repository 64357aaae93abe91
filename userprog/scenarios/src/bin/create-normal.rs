//! create-normal: makes an empty file, which can then be opened.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"normal.dat", 0);
    file::expect_bytes(c"normal.dat", b"");
    0
}
