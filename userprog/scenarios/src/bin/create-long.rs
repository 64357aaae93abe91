//! create-long: a name of 511 characters is no name: no file is made, and the program goes on.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let mut name = [b'x'; 512];
    name[511] = 0;
    let name = core::ffi::CStr::from_bytes_with_nul(&name).expect("one 0, at the end");
    check!(!sys::create(name, 0), "a file was made whose name has 511 characters");
    0
}
