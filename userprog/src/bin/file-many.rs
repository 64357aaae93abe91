//! file-many: opens files until the kernel says no, twice; the second time as many; and leaves them open when it ends.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

/// Opens until -1; how many.
fn open_all() -> usize {
    let mut count = 0;
    loop {
        let fd = sys::open(c"many");
        if fd == -1 {
            return count;
        }
        count += 1;
        check!(count < 100_000, "there is no end to it");
    }
}

fn run(_: Args) -> i32 {
    check!(sys::create(c"many", 1), "no file");
    let first = open_all();
    check!(first >= 126, "only {first} could be opened");
    check!(sys::dup2(2, 1 << 20) == -1, "one more by dup2");
    check!(sys::dup2(2, 3) == 3, "dup2 onto an open one needs no further one");
    for fd in 2..2 + first as i32 {
        check!(sys::filesize(fd) == 1, "{fd} is not open");
        sys::close(fd);
    }
    let second = open_all();
    check!(first == second, "{first} the first time, {second} the second");
    let child = sys::fork(c"child");
    if child == 0 {
        check!(sys::open(c"many") == -1, "a child may open more than its parent");
        sys::close(5);
        check!(sys::open(c"many") == 5, "a closed number is not used again");
        sys::exit(0);
    }
    check!(sys::wait(child) == 0, "the child failed");
    check!(sys::remove(c"many"), "not removed");
    println!("file-many: {first} files at once");
    0
}
