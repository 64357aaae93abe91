//! deny-write: nobody can write to a program while a process runs it: not itself, not another, not while a forked child of it lives;
//! after the last exit or exec everybody can again.
//!
//! It copies itself to the file `copy` and runs that as `copy hold`, `copy fork` and `copy exec`. Files are the signals: `started` says
//! that the other process runs, `go` that it shall end.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;

use userprog::{Args, PAGE, cformat, check, name, program, sys};

program!(run);

fn run(args: Args) -> i32 {
    match args.get(1) {
        None => watch(),
        Some("hold") => hold(),
        Some("fork") => {
            if sys::fork(c"grandchild") == 0 {
                return hold();
            }
            6
        }
        Some("exec") => sys::exec(c"deny-write hold"),
        Some(other) => {
            check!(false, "'{other}' is none of hold, fork, exec");
            1
        }
    }
}

/// Says that it runs, and goes on running until told to end.
fn hold() -> i32 {
    check!(sys::create(c"started", 0), "'started' is there already");
    wait_for(c"go");
    5
}

fn exists(name: &CStr) -> bool {
    let fd = sys::open(name);
    sys::close(fd);
    fd != -1
}

fn wait_for(name: &CStr) {
    while !exists(name) {
        for _ in 0..10_000 {
            core::hint::spin_loop();
        }
    }
}

/// What a write to the first byte of `copy`, of what it holds already, returns.
fn write_to_copy() -> i32 {
    let fd = sys::open(c"copy");
    let mut first = [0];
    check!(sys::read(fd, &mut first) == 1, "the copy is empty");
    sys::seek(fd, 0);
    let written = sys::write(fd, &first);
    sys::close(fd);
    written
}

/// Starts `command` in a child and returns when it, or what it became, says that it runs.
fn start(command: &CStr) -> i32 {
    let child = sys::fork(c"other");
    if child == 0 {
        sys::exec(command);
    }
    wait_for(c"started");
    check!(sys::remove(c"started"), "'started' is gone");
    child
}

fn watch() -> i32 {
    own();
    copy();
    check!(write_to_copy() == 1, "the copy cannot be written to before it runs");

    let child = start(c"copy hold");
    check!(write_to_copy() == 0, "another's program was written to");
    check!(sys::create(c"go", 0), "no signal");
    check!(sys::wait(child) == 5, "the copy failed");
    check!(write_to_copy() == 1, "the copy cannot be written to after its process has ended");
    check!(sys::remove(c"go"), "no signal");

    let child = start(c"copy fork");
    check!(sys::wait(child) == 6, "the copy that forks failed");
    check!(write_to_copy() == 0, "the program of a child was written to");
    check!(sys::create(c"go", 0), "no signal");
    while write_to_copy() == 0 {} // nobody can wait for a grandchild
    check!(sys::remove(c"go"), "no signal");

    let child = start(c"copy exec");
    check!(write_to_copy() == 1, "the copy cannot be written to after its process runs another program");
    check!(sys::create(c"go", 0), "no signal");
    check!(sys::wait(child) == 5, "the program after the copy failed");
    check!(sys::remove(c"go") && sys::remove(c"copy"), "not removed");
    0
}

/// The program that is running right now.
fn own() {
    let fd = sys::open(&cformat!("{}", name()));
    let size = sys::filesize(fd);
    check!(sys::write(fd, b"#") == 0, "its own program was written to");
    check!(sys::tell(fd) == 0, "a denied write moved the position");
    sys::seek(fd, size as u32);
    check!(sys::write(fd, b"#") == 0 && sys::filesize(fd) == size, "its own program grew");
    sys::close(fd);
}

/// Copies the program to the file `copy`.
fn copy() {
    check!(sys::create(c"copy", 0), "no copy");
    let (from, to) = (sys::open(&cformat!("{}", name())), sys::open(c"copy"));
    let mut block = [0; PAGE];
    loop {
        let n = sys::read(from, &mut block);
        if n <= 0 {
            check!(n == 0, "the program cannot be read");
            break;
        }
        check!(sys::write(to, &block[..n as usize]) == n, "the copy cannot be written");
    }
    sys::close(from);
    sys::close(to);
}
