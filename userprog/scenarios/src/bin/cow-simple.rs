//! cow-simple: after a fork both processes have the same frame, until the child writes: then it has another and the parent the first.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<PAGE> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = MEMORY.take();
    bytes.fill(7);
    let here = bytes.as_ptr() as u64;
    let first = sys::frame_of(here);
    let pid = child::fork(c"child", || {
        check!(bytes.iter().all(|&byte| byte == 7), "the child sees other bytes");
        check!(sys::frame_of(here) == first, "reading gave the child a copy");
        bytes[0] = 8;
        check!(sys::frame_of(here) != first, "the child writes to its parent's frame");
        check!(bytes[0] == 8 && bytes[1..].iter().all(|&byte| byte == 7), "the copy is not the same");
        0
    });
    child::expect(pid, 0);
    check!(sys::frame_of(here) == first, "the parent has another frame");
    check!(bytes.iter().all(|&byte| byte == 7), "the child's write is seen by its parent");
    0
}
