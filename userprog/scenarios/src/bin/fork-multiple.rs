//! fork-multiple: forks four children one after the other; each counts on in memory of its own.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let mut count = 10;
    for _ in 0..4 {
        count += 1;
        let pid = child::fork(c"child", || {
            let counted = core::hint::black_box(count);
            count += 100; // nobody else may see this
            counted
        });
        child::expect(pid, count);
    }
    check!(core::hint::black_box(count) == 14, "a child's memory is its parent's: {count}");
    0
}
