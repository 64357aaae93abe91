//! write-normal: writes a file and finds in it what was written.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let bytes = SAMPLE.start::<{ SAMPLE.len }>();
    file::write_in_blocks(c"written.dat", &bytes, || bytes.len());
    0
}
