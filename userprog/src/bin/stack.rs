//! stack: grows the stack by deep recursion, then by a large object touched in any order, all within 1 MiB.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;

use userprog::{Args, PAGE, Random, check, println, program};

program!(run);

/// Calls deep, each with a frame of more than 1 KiB: more than 400 KiB in all.
const DEPTH: u64 = 400;
/// Bytes of the large object, at a depth where the recursion has left no stack page behind it.
const OBJECT: usize = 768 * 1024;

fn run(_: Args) -> i32 {
    let sum = descend(DEPTH);
    check!(sum == DEPTH * (DEPTH + 1) / 2, "the frames of the recursion add up to {sum}");
    println!("stack: {DEPTH} calls deep and back");
    let touched = with_object(OBJECT);
    check!(touched == OBJECT / PAGE, "{touched} pages touched");
    println!("stack: {touched} pages of an object of {} KiB touched in any order", OBJECT / 1024);
    0
}

/// Adds 1 to `depth` up, keeping each number in a frame of its own until all are made.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let mut frame = [0u64; 128];
    black_box(&mut frame)[depth as usize % 128] = depth;
    let below = if depth == 0 { 0 } else { descend(depth - 1) };
    black_box(&frame)[depth as usize % 128] + below
}

/// Touches each page of a fresh object on the stack once, in a random order; how many held zero and what was written.
extern "C" fn touch(object: *mut u8, bytes: usize) -> usize {
    let mut order = [0u16; OBJECT / PAGE];
    order.iter_mut().enumerate().for_each(|(i, page)| *page = i as u16);
    Random::new(3).shuffle(&mut order);
    let mut good = 0;
    for page in order {
        let at = usize::from(page) * PAGE + 1;
        check!(at < bytes, "page {page} is outside of the object");
        // SAFETY: `with_object` reserved `bytes` bytes at `object` for us, and `at` is below that.
        unsafe { object.add(at).write_volatile(page as u8 | 1) };
        // SAFETY: as above.
        good += usize::from(unsafe { object.add(at).read_volatile() } == page as u8 | 1);
    }
    good
}

/// Reserves `bytes` on the stack without touching them (the compiler would probe each page from above), and calls [`touch`].
#[unsafe(naked)]
extern "C" fn with_object(bytes: usize) -> usize {
    core::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rsi, rdi",
        "sub rsp, rdi",
        "and rsp, -16",
        "mov rdi, rsp",
        "call {touch}",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        touch = sym touch,
    )
}
