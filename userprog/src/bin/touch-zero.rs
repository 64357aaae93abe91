//! `touch-zero [PAGES]`: reads and then writes so many pages of .bss in order (64 if not given): one zero-fill fault each, no more.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use userprog::{Args, PAGE, PageAligned, check, println, program};

program!(run);

const WORDS: usize = PAGE / 8;
const MAX: usize = 4096;

// Relaxed everywhere: one thread; atomics only because a static that changes needs them.
static PAGES: PageAligned<[[AtomicU64; WORDS]; MAX]> =
    PageAligned([const { [const { AtomicU64::new(0) }; WORDS] }; MAX]);

fn run(args: Args) -> i32 {
    let pages = args.value(1, 64usize);
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    let pages = &PAGES.0[..pages];
    for (i, page) in pages.iter().enumerate() {
        check!(page.iter().all(|word| word.load(Relaxed) == 0), "page {i} is not zero at first");
        page[i % WORDS].store(!(i as u64), Relaxed);
    }
    for (i, page) in pages.iter().enumerate() {
        check!(page[i % WORDS].load(Relaxed) == !(i as u64), "page {i} lost what was written");
    }
    println!("touch-zero: {} pages were zero and kept what was written", pages.len());
    0
}
