//! `pressure-check [PROCESSES [PAGES [ROUNDS [SEED]]]]`: so many processes at once (4), each with so many pages (64) of its own; so many rounds (4)
//! in random order over them, each looking at every byte of a page before writing about half of the pages anew.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::AtomicU64;

use userprog::family::Children;
use userprog::stamp::{PageWords, Stamp, WORDS};
use userprog::{Args, PageAligned, Random, check, println, program};

program!(run);

const MAX: usize = 8192;
const MAX_PROCESSES: usize = 64;

static PAGES: PageAligned<[PageWords; MAX]> =
    PageAligned([const { [const { AtomicU64::new(0) }; WORDS] }; MAX]);

/// What one process does.
struct Work {
    owner: u32,
    pages: usize,
    rounds: u32,
    random: Random,
    /// What each page holds by now. As pages are: under pressure these are evicted too.
    generations: [u32; MAX],
    order: [u16; MAX],
}

impl Work {
    fn stamp(&self, page: usize) -> Stamp {
        Stamp { owner: self.owner, page: page as u32, generation: self.generations[page] }
    }

    fn write(&mut self, page: usize) {
        self.generations[page] += 1;
        self.stamp(page).write(&PAGES.0[page]);
    }

    fn verify(&self, page: usize, round: u32) {
        if let Err(wrong) = self.stamp(page).verify(&PAGES.0[page]) {
            let Stamp { owner, generation, .. } = self.stamp(page);
            check!(false, "round {round}: page {page} of {owner}, at generation {generation}, {wrong}");
        }
    }

    fn run(mut self) -> i32 {
        (0..self.pages).for_each(|page| self.write(page));
        for round in 0..self.rounds {
            let mut order = self.order;
            self.random.shuffle(&mut order[..self.pages]);
            for &page in &order[..self.pages] {
                self.verify(page.into(), round);
                if self.random.below(2) == 0 {
                    self.write(page.into());
                }
            }
        }
        (0..self.pages).for_each(|page| self.verify(page, self.rounds));
        0
    }
}

fn run(args: Args) -> i32 {
    let (processes, pages) = (args.value(1, 4usize), args.value(2, 64usize));
    let (rounds, seed) = (args.value(3, 4u32), args.value(4, 1u64));
    check!((1..=MAX_PROCESSES).contains(&processes), "{processes} processes: must be 1 to {MAX_PROCESSES}");
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    let mut children = Children::default();
    let mut pids = [None; MAX_PROCESSES];
    for (owner, pid) in (1..).zip(&mut pids[..processes]) {
        let random = Random::new(seed.wrapping_mul(1 << 20).wrapping_add(u64::from(owner)));
        let order = core::array::from_fn(|i| i as u16);
        let work = Work { owner, pages, rounds, random, generations: [0; MAX], order };
        *pid = children.start(c"pressure-child", || work.run());
    }
    pids.into_iter().flatten().for_each(|pid| children.wait(pid));
    let Children { right, wrong, ended, refused } = children;
    println!(
        "pressure-check: {right} processes of {pages} pages right after {rounds} rounds, {wrong} wrong, {ended} ended by the kernel, {refused} not made"
    );
    children.status()
}
