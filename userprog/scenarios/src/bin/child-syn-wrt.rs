//! child-syn-wrt I: writes part I of the file that its parent made, and ends with status I.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let part: usize = args.value(1, 0);
    let mut bytes = [0; 10 * 512];
    file::fill_random(&mut bytes, 9);
    let fd = file::open(c"parts.dat");
    sys::seek(fd, part as u32 * 512);
    file::write(fd, &bytes[part * 512..][..512]);
    part as i32
}
