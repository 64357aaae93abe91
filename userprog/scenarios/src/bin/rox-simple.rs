//! rox-simple: a program cannot write to its own file while it runs.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(c"rox-simple");
    let mut bytes = [0; 16];
    file::read(fd, &mut bytes);
    let n = sys::write(fd, &bytes);
    check!(n == 0, "write to a running program returned {n}");
    0
}
