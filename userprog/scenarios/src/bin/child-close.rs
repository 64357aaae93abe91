//! child-close FD: reads the sample through a descriptor it was left, and closes it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let fd = args.value(1, -1);
    file::expect_data(fd, &SAMPLE);
    sys::close(fd);
    0
}
