//! pt-bad-addr: reads an address where nothing is; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    must_end("a read where nothing is", || memory::touch(0x0400_0000))
}
