//! stack-overflow: recurses without end; the kernel must end it with status -1 when the stack has used its 1 MiB.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;

use userprog::{Args, println, program};

program!(run);

/// Goes one call deeper, each with a frame of about 256 bytes, as long as the compiler cannot know otherwise.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if black_box(true) { descend(depth + 1) + black_box(&frame)[0] } else { depth }
}

fn run(_: Args) -> i32 {
    let depth = descend(0);
    println!("stack-overflow: FAILED: came back from depth {depth}");
    1
}
