//! bench-vm: what page faults take, from the instruction that faults to the one behind it, kind by kind.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::bench::{Samples, overhead, time};
use userprog::{Args, PAGE, PageAligned, check, program, sys};

program!(run);

const PAGES: usize = 512;
const FILE: &core::ffi::CStr = c"bench-data";
/// Where the file is shown, once and once more: far from all else.
const MAPPINGS: [usize; 2] = [0x1000_0000, 0x2000_0000];

/// More frames than the kernel ever keeps zeroed.
const STOCK: usize = 1024;

static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);
static mut ALL_STOCK: PageAligned<[u8; STOCK * PAGE]> = PageAligned([0; STOCK * PAGE]);
static mut MORE: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

/// Prints what a store to each page of the array takes.
fn store_to_each(key: &str) {
    store_to_pages(key, (&raw mut MEMORY).cast());
}

/// Prints what a store to each of the `PAGES` pages from `memory` on takes.
fn store_to_pages(key: &str, memory: *mut u8) {
    let mut samples = Samples::<PAGES>::new();
    for page in 0..PAGES {
        // SAFETY: inside one of the arrays, of which there is no reference.
        samples.add(time(|| unsafe { memory.add(page * PAGE).write_volatile(1) }));
    }
    samples.report(key, overhead(), 1);
}

/// Prints what a load from each page of a mapping takes.
fn load_from_each(key: &str, mapping: usize) {
    let mut samples = Samples::<PAGES>::new();
    for page in 0..PAGES {
        let byte = (mapping + page * PAGE) as *const u8;
        let mut seen = 0;
        // SAFETY: inside the mapping, which nobody changes.
        samples.add(time(|| seen = unsafe { byte.read_volatile() }));
        check!(seen == page as u8, "page {page} of the mapping shows {seen}");
    }
    samples.report(key, overhead(), 1);
}

fn run(_: Args) -> i32 {
    store_to_each("fault-anonymous"); // idle has had the time to zero frames for it
    for page in 0..STOCK {
        // SAFETY: inside the array, of which there is no reference.
        unsafe { (&raw mut ALL_STOCK).cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
    store_to_pages("fault-anonymous-empty", (&raw mut MORE).cast());
    let pid = sys::fork(c"bench-kid");
    if pid == 0 {
        store_to_each("fault-copy");
        sys::exit(0);
    }
    check!(pid > 0, "fork failed");
    check!(sys::wait(pid) == 0, "the child failed");
    store_to_each("fault-reuse"); // the parent is the last that has these pages

    check!(sys::create(FILE, 0), "no file");
    let fd = sys::open(FILE);
    for page in 0..PAGES {
        check!(sys::write(fd, &[page as u8; PAGE]) == PAGE as i32, "page {page} not written");
    }
    for (key, mapping) in ["fault-file-copied", "fault-file-shared"].into_iter().zip(MAPPINGS) {
        // SAFETY: nothing of Rust's is there.
        let mapped = unsafe { sys::mmap(mapping, PAGES * PAGE, false, fd, 0) };
        check!(mapped == mapping, "not mapped");
        load_from_each(key, mapping);
    }
    for mapping in MAPPINGS {
        // SAFETY: nothing refers to it.
        unsafe { sys::munmap(mapping) };
    }
    sys::close(fd);
    check!(sys::remove(FILE), "not removed");
    0
}
