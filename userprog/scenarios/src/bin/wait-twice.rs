//! wait-twice: a child can be waited for once; then wait returns -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let pid = child::start(c"child-simple");
    child::expect(pid, 81);
    child::expect(pid, -1);
    0
}
