//! fork-limit: makes a chain of processes, each the child of the one before, until fork fails; ten times, each as long as the first.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

/// Makes a chain of processes as long as can be; its length. Every process waits for the next one.
fn chain(depth: i32) -> i32 {
    match sys::fork(c"fork-limit-link") {
        -1 => depth,
        0 => sys::exit(chain(depth + 1)),
        pid => {
            let length = sys::wait(pid);
            check!(length > depth, "a process {depth} deep was killed, though fork had made it");
            length
        }
    }
}

fn run(_: Args) -> i32 {
    let first = chain(0);
    for turn in 1..10 {
        let length = chain(0);
        check!(length == first, "chain {turn} has {length} processes, the first one {first}");
    }
    println!("fork-limit: ten chains of {first}");
    0
}
