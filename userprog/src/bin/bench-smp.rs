//! bench-smp: how long two processes take that touch pages for the first time, side by side: from a moment when both are there until both have touched
//! their last. To be compared between machines of one processor and of two, by the clock.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::bench::{Samples, ticks};
use userprog::{Args, PAGE, PageAligned, check, program, sys};

program!(run);

const PAGES: usize = 6000;
/// Few, for the machines are compared in pairs of runs; odd, for the median.
const TIMES: usize = 5;
/// Processes tell their time by their status, which has 31 bits: enough for a few seconds of these.
const UNIT: u32 = 4;
/// Ticks until they begin: by then both have been made, also by a processor that has to run the first of them meanwhile.
const MARGIN: u64 = 1 << 26;
static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

fn touch() {
    for page in 0..PAGES {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { (&raw mut MEMORY).cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
}

/// Ticks until the last of both processes is done.
fn side_by_side() -> u64 {
    let start = ticks() + MARGIN;
    let pids = [(); 2].map(|()| match sys::fork(c"toucher") {
        0 => {
            while ticks() < start {}
            touch();
            sys::exit(((ticks() - start) >> UNIT) as i32)
        }
        pid => pid,
    });
    check!(pids.iter().all(|pid| *pid > 0), "fork failed");
    let took = pids.map(|pid| sys::wait(pid) as u64);
    took[0].max(took[1]) << UNIT
}

fn run(_: Args) -> i32 {
    side_by_side(); // the first time everything is cold
    let mut samples = Samples::<TIMES>::new();
    for _ in 0..TIMES {
        samples.add(side_by_side());
    }
    samples.report("faults-side-by-side", [0, 0], 2 * PAGES as u64);
    0
}
