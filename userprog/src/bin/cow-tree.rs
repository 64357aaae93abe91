//! `cow-tree [SEED [DEPTH]]`: forks that share pages and break the sharing in random order, by stores of their own and of the kernel's (read(2));
//! every process checks all of its memory all the time; frames tell who shares.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, Mapping, PAGE, PageAligned, Random, check, println, program, sys};

program!(run);

const PAGES: usize = 24;
static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

/// The memory, as something that is only touched by address.
fn memory() -> Mapping {
    Mapping::nothing_at(&raw mut MEMORY as usize)
}

fn frame(page: usize) -> u64 {
    sys::frame_of(&raw const MEMORY as u64 + (page * PAGE) as u64)
}

/// What each page must hold: the same byte at both its ends.
type Model = [u8; PAGES];

fn check_all(model: &Model) {
    for (page, &byte) in model.iter().enumerate() {
        let (first, last) = (memory().load(page * PAGE), memory().load(page * PAGE + PAGE - 1));
        check!(first == byte && last == byte, "page {page} holds {first} and {last}, not {byte}");
    }
}

/// Stores to some pages: itself, or by the kernel, which reads a file of numbered bytes to the page's first and last byte.
fn change(model: &mut Model, random: &mut Random, fd: i32) {
    for _ in 0..random.below(PAGES) {
        let (page, byte) = (random.below(PAGES), random.below(256) as u8);
        model[page] = byte;
        let by_kernel = random.below(2) == 0;
        for at in [page * PAGE, page * PAGE + PAGE - 1] {
            if by_kernel {
                sys::seek(fd, byte.into());
                check!(memory().read_into(at, 1, fd) == 1, "read(2) into page {page} failed");
            } else {
                memory().store(at, byte);
            }
        }
    }
}

fn grow(model: &mut Model, random: &mut Random, depth: u32, fd: i32) -> i32 {
    check_all(model);
    if depth == 0 {
        return 1;
    }
    let mut count = 1;
    let mut children = [0; 3];
    for child in &mut children {
        let seed = random.next_u64();
        match sys::fork(c"cow-tree") {
            0 => {
                let own = sys::open(c"bytes"); // a position of its own
                let mut random = Random::new(seed);
                change(model, &mut random, own);
                check_all(model);
                sys::exit(grow(model, &mut random, depth - 1, own));
            }
            pid => *child = pid,
        }
        check!(*child > 0, "fork failed");
        change(model, random, fd); // while the child lives
        check_all(model);
    }
    for child in children {
        let below = sys::wait(child);
        check!(below > 0, "a child ended with {below}");
        count += below;
        check_all(model);
    }
    count
}

/// Who shares a frame until when.
fn frames() {
    memory().store(0, 1);
    let before = frame(0);
    let status = |child: fn(u64) -> bool| {
        let pid = sys::fork(c"cow-frames");
        if pid == 0 {
            sys::exit(i32::from(child(frame(0))));
        }
        sys::wait(pid)
    };
    let only_looks = |_| {
        memory().load(0);
        memory().load(0) == 1
    };
    check!(status(only_looks) == 1 && frame(0) == before, "a child that only looks moves its parent's page");
    let pid = sys::fork(c"cow-frames");
    if pid == 0 {
        memory().load(0);
        let shared = frame(0);
        memory().store(0, 2);
        sys::exit(i32::from(shared == before && frame(0) != before && memory().load(0) == 2));
    }
    check!(sys::wait(pid) == 1, "a child's page was not its parent's before its store, or still is after");
    memory().store(0, 3);
    check!(frame(0) == before, "who is left alone with a page does not keep it");
    memory().store(0, 0);
}

fn run(args: Args) -> i32 {
    let (seed, depth): (u64, u32) = (args.value(1, 1), args.value(2, 3));
    frames();
    check!(sys::create(c"bytes", 0), "no file");
    let fd = sys::open(c"bytes");
    let bytes: [u8; 256] = core::array::from_fn(|at| at as u8);
    check!(sys::write(fd, &bytes) == 256, "the file cannot be filled");
    let mut model = [0; PAGES];
    let mut random = Random::new(seed);
    let count = grow(&mut model, &mut random, depth, fd);
    sys::close(fd);
    check!(sys::remove(c"bytes"), "not removed");
    println!("cow-tree: {count} processes, each with memory of its own");
    0
}
