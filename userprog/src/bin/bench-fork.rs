//! bench-fork [PAGES]: what fork, exit and wait cost a process with so many pages (1024) of its own: ticks of the time-stamp counter, also per page
//! (against a process with none of them). With `--icount` a tick is an instruction.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, PageAligned, check, println, program, sys};

program!(run);

const MOST: usize = 4096;
static mut MEMORY: PageAligned<[u8; MOST * PAGE]> = PageAligned([0; MOST * PAGE]);

#[cfg(target_os = "none")]
fn ticks() -> u64 {
    // SAFETY: reading the counter has no side effect, and the kernel allows it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_os = "none"))]
fn ticks() -> u64 {
    0
}

/// Ticks of a fork, as its parent sees it, and of fork, exit and wait together; the least of five.
fn measure() -> [u64; 2] {
    let mut least = [u64::MAX; 2];
    for _ in 0..5 {
        let before = ticks();
        let pid = sys::fork(c"bench-fork-kid");
        if pid == 0 {
            sys::exit(0);
        }
        let forked = ticks();
        check!(pid > 0, "fork failed");
        sys::wait(pid);
        for (least, now) in least.iter_mut().zip([forked, ticks()]) {
            *least = (*least).min(now - before);
        }
    }
    least
}

fn run(args: Args) -> i32 {
    let pages = args.value(1, 1024usize).clamp(1, MOST);
    let without = measure();
    for page in 0..pages {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { (&raw mut MEMORY).cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
    let with = measure();
    for (what, i) in [("fork", 0), ("fork + exit + wait", 1)] {
        let per_page = with[i].saturating_sub(without[i]) / pages as u64;
        println!(
            "bench-fork: {what}: {} ticks, with {pages} pages {}: {per_page} a page",
            without[i], with[i]
        );
    }
    0
}
