//! child-syn-read I: reads the file that its parent made byte by byte, and ends with status I.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let mut wanted = [0; file::SHARED_LEN];
    file::fill_random(&mut wanted, 11);
    let fd = file::open(c"shared.dat");
    for (at, wanted) in wanted.into_iter().enumerate() {
        let mut byte = [0];
        file::read(fd, &mut byte);
        check!(byte == [wanted], "byte {at} is {:#04x}, not {wanted:#04x}", byte[0]);
    }
    args.value(1, -1)
}
