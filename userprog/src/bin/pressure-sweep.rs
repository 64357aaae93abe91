//! `pressure-sweep [PAGES [SWEEPS [THINK]]]`: writes so many pages (96) one after the other, so many times (3), and thinks between pages (20000 turns
//! of a loop), as a program does that has other work: time in which the kernel can make room before somebody has to wait for it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::AtomicU64;

use userprog::stamp::{PageWords, Stamp, WORDS};
use userprog::{Args, PageAligned, check, println, program};

program!(run);

const MAX: usize = 8192;

static PAGES: PageAligned<[PageWords; MAX]> =
    PageAligned([const { [const { AtomicU64::new(0) }; WORDS] }; MAX]);

fn run(args: Args) -> i32 {
    let (pages, sweeps, think) = (args.value(1, 96usize), args.value(2, 3u32), args.value(3, 20_000u32));
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    for sweep in 1..=sweeps {
        for (number, page) in (0..).zip(&PAGES.0[..pages]) {
            let stamp = |generation| Stamp { owner: 1, page: number, generation };
            if sweep > 1
                && let Err(wrong) = stamp(sweep - 1).verify(page)
            {
                check!(false, "sweep {sweep}: page {number} {wrong}");
            }
            stamp(sweep).write(page);
            (0..think).for_each(|turn| {
                black_box(turn);
            });
        }
    }
    println!("pressure-sweep: {pages} pages written {sweeps} times, each time found as they were left");
    0
}
