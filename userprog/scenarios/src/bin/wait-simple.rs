//! wait-simple: waits for a child, whose status and exit line are there when wait returns.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;
use scenarios::println;

program!(run);

fn run(_: Args) -> i32 {
    let status = sys::wait(child::start(c"child-simple"));
    println!("wait returned {status}");
    0
}
