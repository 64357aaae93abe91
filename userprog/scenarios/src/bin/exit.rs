//! exit: ends with status 57 before its body returns.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    sys::exit(57)
}
