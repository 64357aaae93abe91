//! child-syn-read I: reads the sample byte by byte and ends with status I.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    for at in 0..SAMPLE.len {
        let mut byte = [0];
        file::read(fd, &mut byte);
        SAMPLE.check(at, &byte);
    }
    args.value(1, -1)
}
