//! bench-fork: what fork, exit and wait cost a process for each page of its own: with pages, less the same with none.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::bench::{Samples, ticks};
use userprog::{Args, PAGE, PageAligned, check, program, sys};

program!(run);

const PAGES: usize = 1024;
/// Few, for a fork is long; odd, for the median.
const TIMES: usize = 7;
static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

fn touch() {
    for page in 0..PAGES {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { (&raw mut MEMORY).cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
}

/// Ticks of a fork as its parent sees it; of fork, exit and wait; and from the child's exit to the parent's return from wait. The child does `work`.
fn measure(work: fn()) -> [Samples<TIMES>; 3] {
    let mut samples = [const { Samples::new() }; 3];
    for _ in 0..TIMES {
        let before = ticks();
        let pid = sys::fork(c"bench-kid");
        if pid == 0 {
            work();
            // The status is all that a child can tell: the low half of the counter. -1 is no time that happens twice.
            sys::exit(ticks() as i32);
        }
        let forked = ticks();
        check!(pid > 0, "fork failed");
        let exited = sys::wait(pid) as u32;
        let after = ticks();
        let exit_to_wait = (after as u32).wrapping_sub(exited);
        for (samples, ticks) in
            samples.iter_mut().zip([forked - before, after - before, u64::from(exit_to_wait)])
        {
            samples.add(ticks);
        }
    }
    samples
}

fn run(_: Args) -> i32 {
    let without = measure(|| ()).map(|mut samples| samples.summary());
    let [_, _, mut exit] = measure(touch);
    exit.report("exit-page", without[2], PAGES as u64);
    touch();
    let [mut fork, mut whole, _] = measure(|| ());
    fork.report("fork-page", without[0], PAGES as u64);
    whole.report("fork-exit-wait-page", without[1], PAGES as u64);
    0
}
