//! pt-big-stk-obj: fills an object of 64 KiB on the stack, beginning far above the stack pointer.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    memory::with_stack(64 * 1024, fill);
    0
}

extern "C" fn fill(object: *mut u8, bytes: usize) {
    // SAFETY: `with_stack` reserved these bytes for us; the kernel gives zeroed pages.
    let object = unsafe { core::slice::from_raw_parts_mut(object, bytes) };
    for page in object.chunks_mut(PAGE).rev() {
        check!(page.iter().all(|&byte| byte == 0), "a new page of the stack is not zero");
        file::fill_random(page, 22);
    }
    let mut again = [0; PAGE];
    file::fill_random(&mut again, 22);
    check!(object.chunks(PAGE).all(|page| page == again), "the stack does not hold what was written");
}
