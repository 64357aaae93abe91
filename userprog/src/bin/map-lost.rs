//! map-lost FILE: stores to a mapping of FILE, which cannot be written: its write-back fails, alone and with sharers, and nothing else does.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, Mapping, cformat, check, println, program, sys};

program!(run);

const HERE: usize = 0x1000_0000;

fn run(args: Args) -> i32 {
    let fd = sys::open(&cformat!("{}", args.get(1).unwrap_or("map-lost")));
    check!(fd > 1, "no such file");
    let mut before = [0; 64];
    check!(sys::read(fd, &mut before) == 64, "it cannot be read");
    // SAFETY: nothing of Rust's lies there.
    let map = || unsafe { Mapping::of(fd, HERE) };

    let alone = map();
    alone.store(0, !before[0]);
    alone.end();

    let shared = map();
    shared.store(1, !before[1]);
    let child = sys::fork(c"map-lost-kid");
    if child == 0 {
        shared.store(2, !before[2]);
        sys::exit(0);
    }
    check!(sys::wait(child) == 0, "who cannot write back is killed");
    check!(
        shared.load(1) == !before[1] && shared.load(2) == !before[2],
        "a sharer has lost what could not be written"
    );
    shared.end();

    let again = map();
    let mut after = [0; 64];
    sys::seek(fd, 0);
    check!(sys::read(fd, &mut after) == 64 && after == before, "the file has changed");
    check!((0..64).all(|at| again.load(at) == before[at]), "a new mapping shows what was lost");
    again.store(3, !before[3]); // and the process ends with it
    println!("map-lost: the file is as it was");
    0
}
