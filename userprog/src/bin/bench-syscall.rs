//! bench-syscall: what an empty system call takes there and back: `tell` of a number that is no open file, for there is none that does less.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::bench::{Samples, overhead, time};
use userprog::{Args, program, sys};

program!(run);

fn run(_: Args) -> i32 {
    let mut samples = Samples::<1001>::new();
    for _ in 0..1001 {
        samples.add(time(|| {
            sys::tell(-1);
        }));
    }
    samples.report("syscall-empty", overhead(), 1);
    0
}
