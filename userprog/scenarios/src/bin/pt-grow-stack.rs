//! pt-grow-stack: uses a page of the stack that was not there before.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    memory::with_stack(PAGE, fill);
    0
}

extern "C" fn fill(object: *mut u8, bytes: usize) {
    // SAFETY: `with_stack` reserved these bytes for us; the kernel gives zeroed pages.
    let object = unsafe { core::slice::from_raw_parts_mut(object, bytes) };
    file::fill_random(object, 21);
    let mut again = [0; PAGE];
    file::fill_random(&mut again, 21);
    check!(object == again, "the stack does not hold what was written");
}
