//! create-empty: a file without a name cannot be made.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    check!(!sys::create(c"", 0), "a file was made that has no name");
    0
}
