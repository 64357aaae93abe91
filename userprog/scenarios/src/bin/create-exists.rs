//! create-exists: a name can be taken once, whatever else is made in between.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"first.dat", 10);
    file::create(c"second.dat", 0);
    check!(!sys::create(c"first.dat", 0), "first.dat was made twice");
    file::create(c"third.dat", 0);
    check!(!sys::create(c"second.dat", 0), "second.dat was made twice");
    file::expect_bytes(c"first.dat", &[0; 10]);
    0
}
