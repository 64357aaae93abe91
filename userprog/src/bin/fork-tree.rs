//! `fork-tree [DEPTH]`: each process makes two children, DEPTH times (4); each node checks that its memory is its own and exits with the
//! number of processes below it and itself.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use userprog::{Args, check, println, program, sys};

program!(run);

/// A word in bss and one in data that every process changes.
static mut ZERO: u64 = 0;
static mut DATA: u64 = 7;

fn change(depth: u64) {
    let mut stack = black_box(depth);
    let (zero, data) = (&raw mut ZERO, &raw mut DATA);
    // SAFETY: one thread; nobody else refers to these.
    unsafe {
        check!(zero.read_volatile() == depth, "bss holds {}, not {depth}", zero.read_volatile());
        check!(data.read_volatile() == 7 + depth, "data holds {}, not {}", data.read_volatile(), 7 + depth);
        zero.write_volatile(depth + 1);
        data.write_volatile(8 + depth);
    }
    stack += 1;
    check!(black_box(stack) == depth + 1, "the stack holds {stack}");
}

/// The part of the tree below a process that has changed its memory `depth` times; how many processes it has.
fn grow(depth: u64, most: u64) -> i32 {
    change(depth);
    if depth == most {
        return 1;
    }
    let children = [0, 1].map(|_| match sys::fork(c"fork-tree") {
        0 => sys::exit(grow(depth + 1, most)),
        pid => pid,
    });
    check!(children.iter().all(|&pid| pid > 0), "fork failed");
    1 + children.iter().map(|&pid| sys::wait(pid)).sum::<i32>()
}

fn run(args: Args) -> i32 {
    let depth = args.value(1, 4u64);
    let count = grow(0, depth);
    check!(count == (2 << depth) - 1, "{count} processes");
    println!("fork-tree: {count} processes, each with memory of its own");
    0
}
