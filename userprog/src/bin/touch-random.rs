//! `touch-random [PAGES [SEED]]`: writes so many pages of .bss (64) in an order drawn from the seed (1), reads them back in another.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use userprog::{Args, PAGE, PageAligned, Random, check, println, program};

program!(run);

const WORDS: usize = PAGE / 8;
const MAX: usize = 4096;

// Relaxed everywhere: one thread; atomics only because a static that changes needs them.
static PAGES: PageAligned<[[AtomicU64; WORDS]; MAX]> =
    PageAligned([const { [const { AtomicU64::new(0) }; WORDS] }; MAX]);

fn run(args: Args) -> i32 {
    let pages = args.value(1, 64usize);
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    let mut random = Random::new(args.value(2, 1));
    let mut order = [0u16; MAX];
    let order = &mut order[..pages];
    order.iter_mut().enumerate().for_each(|(i, page)| *page = i as u16);

    random.shuffle(order);
    for &page in &*order {
        let word = &PAGES.0[usize::from(page)][usize::from(page) % WORDS];
        check!(word.load(Relaxed) == 0, "page {page} is not zero at first");
        word.store(u64::from(page) + 1, Relaxed);
    }
    random.shuffle(order);
    for &page in &*order {
        let word = &PAGES.0[usize::from(page)][usize::from(page) % WORDS];
        check!(word.load(Relaxed) == u64::from(page) + 1, "page {page} lost what was written");
    }
    println!("touch-random: {pages} pages written in one order and read in another");
    0
}
