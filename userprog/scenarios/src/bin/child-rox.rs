//! child-rox N: cannot write to its own program file, before and after N - 1 further children.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let left: i32 = args.value(1, 1);
    try_to_write();
    if left > 1 {
        child::run(&cformat!("child-rox {}", left - 1), 12);
    }
    try_to_write();
    12
}

fn try_to_write() {
    let fd = file::open(c"child-rox");
    let n = sys::write(fd, &[0; 16]);
    check!(n == 0, "write to a running program returned {n}");
    sys::close(fd);
}
