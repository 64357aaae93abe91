//! bad-jump2: jumps to the first address that no user may have; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    must_end("a jump above user memory", || memory::call(USER_LIMIT))
}
