//! bench-swap: what it takes to bring one page in from the swap space while another, which was stored to, goes out: a sweep over more pages than there are
//! frames, all of whose accesses are such faults. All that the machine does meanwhile is in it: the fault, the eviction thread, the disk's copies.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::bench::{Samples, time};
use userprog::{Args, PAGE, PageAligned, program};

program!(run);

/// Twice the frames of the machine that runs this.
const PAGES: usize = 1024;
const SWEEPS: usize = 9;

static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

/// Stores to each page, in order.
fn sweep() {
    let memory = (&raw mut MEMORY).cast::<u8>();
    for page in 0..PAGES {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { memory.add(page * PAGE).write_volatile(1) };
    }
}

fn run(_: Args) -> i32 {
    sweep();
    sweep(); // from here on every page has been out
    let mut samples = Samples::<SWEEPS>::new();
    for _ in 0..SWEEPS {
        samples.add(time(sweep));
    }
    samples.report("swap-in-out", [0; 2], PAGES as u64);
    0
}
