//! `args [WORD..]`: prints its arguments and checks how the kernel laid them out: aligned to 8, a null pointer behind the last.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program};

program!(run);

fn run(args: Args) -> i32 {
    println!("args: argc = {}", args.count());
    for (i, word) in args.enumerate() {
        println!("args: argv[{i}] = '{word}'");
    }
    check!((args.argv() as usize).is_multiple_of(8), "argv at {:p} is not aligned to 8", args.argv());
    check!(args.ends_with_null(), "argv[{}] is not null", args.count());
    println!("args: argv[{}] = null", args.count());
    0
}
