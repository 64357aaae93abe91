//! `multi-recurse [N]`: executes itself N deep (15 if not told otherwise), each waiting for the next; ends with status N.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(args: Args) -> i32 {
    let left: i32 = args.value(1, 15);
    if left > 0 {
        child::run(&cformat!("multi-recurse {}", left - 1), left - 1);
    }
    left
}
