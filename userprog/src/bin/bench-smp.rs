//! bench-smp: how long two processes take that touch pages for the first time, side by side: from a moment when both are there until both have touched
//! their last. To be compared between machines of one processor and of two, by the clock. And the same of two that compute, each for itself, which tells what the
//! machine below gives two processors.
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
/// Steps of the computation, which shall take about as long as the touching.
const STEPS: u64 = 12_000_000;
static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

fn touch() {
    for page in 0..PAGES {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { (&raw mut MEMORY).cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
}

/// Needs a processor and nothing else.
fn compute() {
    let mut x = 1u64;
    for step in 0..STEPS {
        x = core::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step));
    }
}

/// Ticks until the last of two processes is done that do `what`.
fn side_by_side(what: fn()) -> u64 {
    let start = ticks() + MARGIN;
    let pids = [(); 2].map(|()| match sys::fork(c"worker") {
        0 => {
            while ticks() < start {}
            what();
            sys::exit(((ticks() - start) >> UNIT) as i32)
        }
        pid => pid,
    });
    check!(pids.iter().all(|pid| *pid > 0), "fork failed");
    let took = pids.map(|pid| sys::wait(pid) as u64);
    took[0].max(took[1]) << UNIT
}

fn run(_: Args) -> i32 {
    side_by_side(touch); // the first time everything is cold
    let (mut faults, mut steps) = (Samples::<TIMES>::new(), Samples::<TIMES>::new());
    for _ in 0..TIMES {
        faults.add(side_by_side(touch));
        steps.add(side_by_side(compute));
    }
    faults.report("faults-side-by-side", [0, 0], 2 * PAGES as u64);
    steps.report("computing-side-by-side", [0, 0], 2 * STEPS / 1000);
    0
}
