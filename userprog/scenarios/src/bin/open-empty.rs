//! open-empty: opening a file without a name returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = sys::open(c"");
    check!(fd == -1, "open returned {fd}");
    0
}
