//! open-null: gives open() a null pointer; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    fatal(Syscall::Open, [0; 6])
}
