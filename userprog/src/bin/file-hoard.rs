//! `file-hoard [ROUNDS]`: a chain of processes, each opening as many files as it may before it forks the next, until no kernel memory
//! is left for it. The end of the chain gives all of it back: each round (3) comes as far as the first.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

/// Of a chain: how many processes, and how many descriptors they opened. An exit status.
fn pack(processes: i32, opened: i32) -> i32 {
    processes << 20 | opened
}

fn unpack(status: i32) -> (i32, i32) {
    (status >> 20, status & 0xf_ffff)
}

/// Opens, forks the rest of the chain and waits for it.
fn hoard() -> i32 {
    let mut opened = 0;
    while sys::open(c"hoard") != -1 {
        opened += 1;
    }
    let mut buffer = [0; 4000];
    check!(sys::read(2, &mut buffer) == 4000, "without memory a file cannot be read");
    let rest = sys::fork(c"hoarder");
    if rest == 0 {
        for fd in 2..2 + opened {
            sys::close(fd);
        }
        sys::exit(hoard());
    }
    if rest == -1 {
        return pack(1, opened);
    }
    let status = sys::wait(rest);
    check!(status > 0, "a hoarder ended with {status}");
    let (processes, more) = unpack(status);
    pack(processes + 1, opened + more)
}

fn run(args: Args) -> i32 {
    check!(sys::create(c"hoard", 4000), "no file");
    let mut first = None;
    for round in 0..args.value(1, 3) {
        let child = sys::fork(c"hoarder");
        if child == 0 {
            sys::exit(hoard());
        }
        let came = unpack(sys::wait(child));
        check!(*first.get_or_insert(came) == came, "round {round} came to {came:?}, the first to {first:?}");
    }
    let (processes, opened) = first.unwrap_or((0, 0));
    check!(sys::remove(c"hoard"), "not removed");
    println!("file-hoard: {opened} descriptors in {processes} processes");
    0
}
