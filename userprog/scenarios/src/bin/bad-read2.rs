//! bad-read2: reads the first byte that no user may have; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    must_end("a read above user memory", || memory::touch(USER_LIMIT))
}
