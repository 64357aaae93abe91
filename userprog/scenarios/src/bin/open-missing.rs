//! open-missing: opening a file that is not there returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = sys::open(c"no-such-file");
    check!(fd == -1, "open returned {fd}");
    0
}
