//! child-qsort-mm FILE: sorts a file of 128 KiB in a mapping, one page longer than the file, and ends with status 80.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    const LEN: usize = 128 * 1024;
    let fd = file::open(&merge::file_name(args));
    let bytes = map::at(0x1000_0000, LEN + PAGE, true, fd, 0);
    merge::quicksort(&mut bytes[..LEN]);
    80
}
