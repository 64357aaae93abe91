//! create-bad-ptr: gives create() a name at an address where nothing is; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    fatal(Syscall::Create, [memory::NOTHING, 0, 0, 0, 0, 0])
}
