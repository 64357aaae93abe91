//! close-bad-fd: closing what is no descriptor does no harm.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    for fd in [0x2010_1234, 7, -1, i32::MIN, i32::MAX] {
        sys::close(fd);
    }
    0
}
