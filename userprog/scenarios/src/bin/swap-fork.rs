//! swap-fork: ten children with 1 MiB each at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let pids = [(); 10].map(|()| child::start(c"child-swap"));
    pids.into_iter().for_each(|pid| child::expect(pid, 0));
    0
}
