//! page-parallel: four children go over 1 MiB of memory each, all at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let pids = [(); 4].map(|()| child::start(c"child-linear"));
    pids.into_iter().for_each(|pid| child::expect(pid, 0x42));
    0
}
