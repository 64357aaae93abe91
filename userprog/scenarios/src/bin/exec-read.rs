//! exec-read: descriptors and their positions survive exec, and the child's reading does not move its parent.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let mut bytes = [0; SAMPLE.len];
    file::read(fd, &mut bytes[..20]);
    child::run(&cformat!("child-read {fd}"), 0);
    file::read(fd, &mut bytes[20..]);
    SAMPLE.check(0, &bytes);
    0
}
