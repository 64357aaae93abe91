//! sm-create: makes a file of 5,678 bytes: zeros.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"created.dat", 5678);
    file::expect_bytes(c"created.dat", &[0; 5678]);
    0
}
