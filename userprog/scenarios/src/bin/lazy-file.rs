//! lazy-file: a mapped page is in memory once it was touched, not before, whatever other page was.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SMALL.name);
    let bytes = map::at(0x1000_0000, SMALL.len, false, fd, 0);
    memory::check_lazy(bytes.as_ptr() as u64, SMALL.len.div_ceil(PAGE), |page| {
        let (from, to) = (page * PAGE, SMALL.len.min((page + 1) * PAGE));
        SMALL.check(from, &bytes[from..to]);
    });
    0
}
