//! rox-child: a program file can be written before and after a child runs it, not meanwhile.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::rewrite_around(c"child-rox", c"child-rox 1", 12);
    0
}
