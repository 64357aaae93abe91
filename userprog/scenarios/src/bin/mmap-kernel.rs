//! mmap-kernel: mapping memory that no user may have is refused, also where address and length wrap around.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    let page = PAGE as u64;
    for (address, len) in [
        (USER_LIMIT, page),
        (USER_LIMIT - page, 2 * page),
        (0u64.wrapping_sub(page), 2 * page),
        (USER_LIMIT - page, 0u64.wrapping_sub(USER_LIMIT - page)),
    ] {
        map::refused(address, len, fd, 0);
    }
    0
}
