//! open-twice: one file opened twice has two descriptors, each with a position of its own.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let (one, other) = (file::open(SAMPLE.name), file::open(SAMPLE.name));
    check!(one != other, "both descriptors are {one}");
    let mut bytes = [0; 100];
    file::read(one, &mut bytes);
    check!(sys::tell(other) == 0, "reading one descriptor moved the other to {}", sys::tell(other));
    file::read(other, &mut bytes);
    SAMPLE.check(0, &bytes);
    0
}
