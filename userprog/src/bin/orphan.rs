//! `orphan [GENERATIONS]`: each process makes a child (40) and ends without waiting, before the child or after it; the last one says so.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

fn run(args: Args) -> i32 {
    let generations = args.value(1, 40u32);
    for generation in 0..generations {
        // A child that ends at once and is never waited for.
        let bystander = sys::fork(c"orphan-brief");
        check!(bystander >= 0, "fork failed");
        if bystander == 0 {
            sys::exit(0);
        }
        match sys::fork(c"orphan-heir") {
            0 => {}
            heir => {
                check!(heir > 0, "fork failed in generation {generation}");
                return 0;
            }
        }
    }
    println!("orphan: {generations} generations");
    0
}
