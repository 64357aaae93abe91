//! dup2-simple: two descriptors made one share a position; the input can be closed before.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    sys::close(STDIN);
    let fd = sys::open(SAMPLE.name);
    check!(fd >= 0, "open returned {fd}");
    let mut bytes = [0; SAMPLE.len];
    file::read(fd, &mut bytes[..10]);
    let other = sys::dup2(fd, 462);
    check!(other == 462, "dup2 returned {other}");
    file::read(other, &mut bytes[10..]);
    SAMPLE.check(0, &bytes);
    0
}
