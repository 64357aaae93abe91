//! close-twice: closing a descriptor a second time does no harm, to others neither.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let (kept, closed) = (file::open(SAMPLE.name), file::open(SAMPLE.name));
    sys::close(closed);
    sys::close(closed);
    file::expect_data(kept, &SAMPLE);
    0
}
