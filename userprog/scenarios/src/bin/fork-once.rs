//! fork-once: forks a child and gets its status.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    child::expect(child::fork(c"child", || 81), 81);
    0
}
