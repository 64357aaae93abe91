//! child-simple: ends with status 81: what other scenarios execute.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;
use scenarios::println;

program!(run);

fn run(_: Args) -> i32 {
    println!("child-simple runs");
    81
}
