//! open-normal: opens a file.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::open(SAMPLE.name);
    0
}
