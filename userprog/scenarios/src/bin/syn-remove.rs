//! syn-remove: a removed file that is open can be written and read, and its name made again.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let mut written = [0; 1234];
    file::fill_random(&mut written, 10);
    file::create(c"deleteme", written.len());
    let fd = file::open(c"deleteme");
    check!(sys::remove(c"deleteme"), "it cannot be removed");
    check!(sys::open(c"deleteme") == -1, "it is still there");
    file::create(c"deleteme", 100);
    file::write(fd, &written);
    sys::seek(fd, 0);
    let mut read = [0; 1234];
    file::read(fd, &mut read);
    check!(read == written, "it does not hold what was written");
    file::expect_bytes(c"deleteme", &[0; 100]);
    0
}
