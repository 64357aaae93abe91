//! dup2-complex: what shares a position and what does not: descriptors, themselves again, bad ones, the output, and a child's.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;
use scenarios::{print, println};

program!(run);

fn run(_: Args) -> i32 {
    let fd = file::open(SAMPLE.name);
    check!(sys::dup2(fd, fd) == fd, "a descriptor is not its own copy");
    check!(sys::dup2(-7, fd) == -1, "dup2 of a negative descriptor");
    check!(sys::dup2(99, fd) == -1, "dup2 of a descriptor that is not open");
    file::expect_data(fd, &SAMPLE); // what was refused left it alone

    let apart = file::open(SAMPLE.name);
    check!(sys::dup2(fd, apart) == apart, "dup2 onto an open descriptor");
    sys::seek(fd, 60);
    check!(sys::tell(apart) == 60, "the copy stands at {}", sys::tell(apart));
    sys::close(fd);
    expect_next(apart, 60);

    redirect();
    share_with_child(apart);
    sys::seek(STDOUT, 0); // means nothing, and does no harm
    println!("the output is the console again");
    0
}

/// Reads ten bytes that must be those of the sample from `at` on.
fn expect_next(fd: i32, at: usize) {
    let mut bytes = [0; 10];
    file::read(fd, &mut bytes);
    SAMPLE.check(at, &bytes);
}

/// Sends the output to a file and back; the file must hold what was printed meanwhile.
fn redirect() {
    let console = sys::dup2(STDOUT, 30);
    file::create(c"output.dat", 5);
    let output = file::open(c"output.dat");
    sys::dup2(output, STDOUT);
    print!("words");
    sys::dup2(console, STDOUT);
    sys::close(console);
    sys::seek(output, 0);
    let mut bytes = [0; 5];
    file::read(output, &mut bytes);
    check!(bytes == *b"words", "the output went elsewhere: {bytes:?}");
    sys::close(output);
}

/// In a child two descriptors still share a position; with its parent it shares none.
fn share_with_child(fd: i32) {
    let copy = sys::dup2(fd, 40);
    sys::seek(fd, 100);
    let pid = child::fork(c"child", || {
        expect_next(copy, 100);
        expect_next(fd, 110);
        110
    });
    child::expect(pid, 110);
    expect_next(copy, 100);
    expect_next(fd, 110);
}
