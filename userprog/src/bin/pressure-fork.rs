//! `pressure-fork [PAGES [CHILDREN [DEPTH [ROUNDS [SEED]]]]]`: forks so many children (3) at a time, which fork in turn (2 generations deep), all of
//! them sharing so many pages (48) until somebody writes one; everybody looks at every byte of all pages, before and after. So many rounds (2).
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::AtomicU64;

use userprog::family::Children;
use userprog::stamp::{PageWords, Stamp, WORDS};
use userprog::{Args, PageAligned, Random, check, println, program};

program!(run);

const MAX: usize = 4096;
const MAX_CHILDREN: usize = 16;

static PAGES: PageAligned<[PageWords; MAX]> =
    PageAligned([const { [const { AtomicU64::new(0) }; WORDS] }; MAX]);

/// What one process knows of its pages: who of its line wrote each one last, and how often it was written. fork copies it.
#[derive(Clone, Copy)]
struct Known {
    /// Names who stores; a child's follows from its parent's.
    me: u32,
    pages: usize,
    written: [(u32, u16); MAX],
}

impl Known {
    fn stamp(&self, page: usize) -> Stamp {
        let (owner, generation) = self.written[page];
        Stamp { owner, page: page as u32, generation: generation.into() }
    }

    fn write(&mut self, page: usize) {
        self.written[page] = (self.me, self.written[page].1.wrapping_add(1));
        self.stamp(page).write(&PAGES.0[page]);
    }

    fn write_some(&mut self, random: &mut Random) {
        for _ in 0..=random.below(self.pages) / 2 {
            self.write(random.below(self.pages));
        }
    }

    fn verify_all(&self) {
        for page in 0..self.pages {
            if let Err(wrong) = self.stamp(page).verify(&PAGES.0[page]) {
                check!(false, "process {}: page {page} should be {:?}, {wrong}", self.me, self.stamp(page));
            }
        }
    }

    /// A storm: children, which do as this process, while it goes on writing. How they and those below them ended.
    fn storm(&mut self, random: &mut Random, children: usize, depth: u32) -> Children {
        let mut all = Children::default();
        let mut pids = [None; MAX_CHILDREN];
        for (place, pid) in (1..).zip(&mut pids[..children]) {
            let seed = random.next_u64();
            *pid = all.start(c"pressure-child", || {
                let mut random = Random::new(seed);
                self.me = self.me * MAX_CHILDREN as u32 + place;
                if random.below(4) == 0 {
                    return 0; // many a child ends at once, its pages as they were
                }
                self.verify_all();
                self.write_some(&mut random);
                let below = if depth > 1 { self.storm(&mut random, children, depth - 1).status() } else { 0 };
                self.verify_all();
                below
            });
            self.write_some(random);
        }
        self.verify_all();
        pids.into_iter().flatten().for_each(|pid| all.wait(pid));
        self.verify_all();
        all
    }
}

fn run(args: Args) -> i32 {
    let (pages, children, depth) = (args.value(1, 48usize), args.value(2, 3usize), args.value(3, 2u32));
    let (rounds, seed) = (args.value(4, 2u32), args.value(5, 1u64));
    check!((1..=MAX).contains(&pages), "{pages} pages: must be 1 to {MAX}");
    check!((1..=MAX_CHILDREN).contains(&children), "{children} children: must be 1 to {MAX_CHILDREN}");
    check!((1..=6).contains(&depth), "{depth} generations: must be 1 to 6");
    let mut known = Known { me: 1, pages, written: [(0, 0); MAX] };
    (0..pages).for_each(|page| known.write(page));
    let mut random = Random::new(seed);
    let mut sum = Children::default();
    for _ in 0..rounds {
        let Children { right, wrong, ended, refused } = known.storm(&mut random, children, depth);
        sum.right += right;
        sum.wrong += wrong;
        sum.ended += ended;
        sum.refused += refused;
    }
    let Children { right, wrong, ended, refused } = sum;
    println!(
        "pressure-fork: {rounds} storms over {pages} pages; children {right} right, {wrong} wrong, {ended} ended by the kernel, {refused} not made"
    );
    sum.status()
}
