//! wait-bad-pid: waiting for what is no child returns -1 at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    for pid in [0x0c02_0301, 0, -1, i32::MAX] {
        child::expect(pid, -1);
    }
    0
}
