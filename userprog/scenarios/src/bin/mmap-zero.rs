//! mmap-zero: nothing is mapped of an empty file; reading there, the program is ended by the kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"empty.dat", 0);
    // SAFETY: Rust knows of nothing at that address.
    unsafe { sys::mmap(0x7f00_0000, 0, false, file::open(c"empty.dat"), 0) };
    must_end("a read of a mapping of no bytes", || memory::touch(0x7f00_0000))
}
