//! child-read FD: reads on through a descriptor it was left after 20 bytes, and from the start through one of its own.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let left = args.value(1, -1);
    let own = file::open(SAMPLE.name);
    check!(own != left, "open gave descriptor {own}, which is open");
    let mut bytes = [0; SAMPLE.len];
    file::read(own, &mut bytes[..20]);
    file::read(left, &mut bytes[20..]);
    SAMPLE.check(0, &bytes);
    0
}
