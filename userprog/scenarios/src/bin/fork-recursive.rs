//! fork-recursive: a child forks a child, eight deep; each ends after its own child and tells how deep it is.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    descend(1);
    0
}

fn descend(depth: i32) {
    let pid = child::fork(c"child", || {
        if depth < 8 {
            descend(depth + 1);
        }
        depth
    });
    child::expect(pid, depth);
}
