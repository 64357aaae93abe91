//! child-qsort FILE: sorts a file of at most 128 KiB on its stack and ends with status 72.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use scenarios::prelude::*;

program!(run);

static ARGS: AtomicPtr<Args> = AtomicPtr::new(core::ptr::null_mut());

fn run(mut args: Args) -> i32 {
    ARGS.store(&mut args, Relaxed); // one thread: it only carries the arguments past the assembly
    memory::with_stack(128 * 1024, sort);
    72
}

extern "C" fn sort(object: *mut u8, bytes: usize) {
    // SAFETY: `with_stack` reserved these bytes for us; the kernel gives zeroed pages.
    let object = unsafe { core::slice::from_raw_parts_mut(object, bytes) };
    // SAFETY: `run`, which stored its arguments there, has not returned.
    let args = unsafe { *ARGS.load(Relaxed) };
    merge::sort_file(args, object, merge::quicksort);
}
