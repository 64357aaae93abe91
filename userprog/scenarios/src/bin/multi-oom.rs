//! multi-oom: forks a chain of children, each with many files open, until fork says no; eleven times, never less deep than the first.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;

use scenarios::prelude::*;
use scenarios::println;

program!(run);

/// A chain at least so long must fit into memory.
const LEAST: i32 = 10;
const REPEATED: usize = 10;
/// Descriptors that each process opens, or fewer if the kernel has no room for more.
const OPEN: usize = 126;
const NAME: &CStr = c"child";

fn run(_: Args) -> i32 {
    let first = chain();
    check!(first >= LEAST, "fork said no after {first} children");
    for round in 0..REPEATED {
        let depth = chain();
        check!(depth >= first, "round {round} went {depth} deep, the first {first}");
    }
    println!("{REPEATED} rounds went as deep as the first");
    0
}

/// Forks as deep as it goes; how deep that is.
fn chain() -> i32 {
    match sys::fork(NAME) {
        0 => sys::exit(link(1)),
        -1 => 0,
        pid => sys::wait(pid),
    }
}

/// One process of the chain: takes what it can, lets a child crash, forks on. How deep the chain becomes.
fn link(depth: i32) -> i32 {
    (0..OPEN).take_while(|_| sys::open(c"multi-oom") != -1).for_each(drop);
    if depth > LEAST / 2 {
        match sys::fork(NAME) {
            0 => crash(depth),
            -1 => return depth,
            pid => child::expect(pid, -1),
        }
    }
    match sys::fork(NAME) {
        0 => sys::exit(link(depth + 1)),
        -1 => depth,
        pid => sys::wait(pid),
    }
}

/// Ends by one of the mistakes that the kernel ends a process for: what it holds must come back all the same.
fn crash(depth: i32) -> ! {
    (0..OPEN).take_while(|_| sys::open(c"multi-oom") != -1).for_each(drop);
    match depth % 5 {
        // SAFETY: nothing of ours lies there, and the store faults.
        0 => unsafe { memory::store(0, 42) },
        1 => memory::touch(0),
        2 => memory::touch(USER_LIMIT),
        // SAFETY: as above.
        3 => unsafe { memory::store(USER_LIMIT, 42) },
        _ => {
            // SAFETY: the kernel finds nothing of ours at that address.
            unsafe { sys::raw(Syscall::Open as u64, [USER_LIMIT, 0, 0, 0, 0, 0]) };
        }
    }
    survived("a bad access")
}
