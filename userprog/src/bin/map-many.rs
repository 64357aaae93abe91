//! map-many: many mappings of great length touched here and there, until kernel memory or frames are used up; what is refused or killed for
//! want of memory harms nobody, and each round comes as far as the one before.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, Mapping, PAGE, Random, check, println, program, sys};

program!(run);

/// Where the mappings lie, one every GIB from here on.
const FIRST: usize = 0x4000_0000 * 2;
const GIB: usize = 0x4000_0000;
/// Each takes two page tables at least; together they must fit into little kernel memory.
const MOST: usize = 40;
const FILE_PAGES: usize = 16;

fn map(at: usize, len: usize, fd: i32) -> Option<Mapping> {
    // SAFETY: nothing of Rust's lies behind the first two GiB.
    unsafe { Mapping::try_at(at, len, true, fd, 0) }
}

/// Many huge mappings of one file: all show the same pages of it.
fn huge(fd: i32) -> usize {
    let mut random = Random::new(7);
    let mut made = 0;
    while made < MOST {
        let Some(map) = map(FIRST + made * GIB, GIB, fd) else { break };
        map.store(random.below(FILE_PAGES) * PAGE + 1 + made, made as u8);
        made += 1;
        if made % 8 == 0 {
            map.load(GIB - 1); // far behind the file's end
        }
    }
    // What one of them stored all of them show: the last store to a byte counts, and each stored to its own.
    let mut random = Random::new(7);
    for number in 0..made {
        let at = random.below(FILE_PAGES) * PAGE + 1 + number;
        let shown = Mapping::nothing_at(FIRST + (made - 1 - number) * GIB).load(at);
        check!(shown == number as u8, "mapping {number} stored {}, another shows {shown}", number as u8);
    }
    for number in (0..made).step_by(2).chain((1..made).step_by(2)) {
        Mapping::nothing_at(FIRST + number * GIB).end();
    }
    made
}

/// Maps single pages until the kernel refuses.
fn small(fd: i32, most: usize) -> usize {
    let mut made = 0;
    while made < most && map(FIRST + 2 * made * PAGE, PAGE, fd).is_some() {
        made += 1;
    }
    for number in 0..made {
        Mapping::nothing_at(FIRST + 2 * number * PAGE).end();
    }
    made
}

/// A child touches pages behind the file's end, each in a page table of its own, until it is killed for want of memory.
fn exhausted(fd: i32) {
    let child = sys::fork(c"map-many-kid");
    if child == 0 {
        let len = 400 * GIB;
        let Some(map) = map(FIRST, len, fd) else { sys::exit(1) };
        for page in (0..len).step_by(2 << 20) {
            map.store(page, 1);
        }
        sys::exit(2);
    }
    let status = sys::wait(child);
    check!(status == -1, "a program that takes all memory ended with {status}");
}

fn run(args: Args) -> i32 {
    let most = args.value(1, 20_000);
    check!(sys::create(c"pages", (FILE_PAGES * PAGE) as u32), "no file");
    let fd = sys::open(c"pages");
    let rounds: [(usize, usize); 2] = core::array::from_fn(|_| {
        exhausted(fd);
        (huge(fd), small(fd, most))
    });
    check!(rounds[0] == rounds[1], "the rounds came as far as {:?} and {:?}", rounds[0], rounds[1]);
    sys::close(fd);
    check!(sys::remove(c"pages"), "not removed");
    println!("map-many: {} huge mappings, {} small ones", rounds[0].0, rounds[0].1);
    0
}
