//! exec-arg: executes another program with an argument.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    sys::exec(c"child-args childarg");
    survived("exec")
}
