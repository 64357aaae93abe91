//! pt-grow-stk-sc: the kernel itself is the first to touch the stack: read() fills an object there.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::create(c"grown.dat", SAMPLE.len);
    let fd = file::open(c"grown.dat");
    file::write(fd, &SAMPLE.start::<{ SAMPLE.len }>());
    sys::close(fd);
    memory::with_stack(64 * 1024, read);
    0
}

extern "C" fn read(object: *mut u8, bytes: usize) {
    // SAFETY: `with_stack` reserved these bytes for us; the kernel gives zeroed pages.
    let object = unsafe { core::slice::from_raw_parts_mut(object, bytes) };
    let middle = &mut object[bytes / 2..][..SAMPLE.len];
    file::read(file::open(c"grown.dat"), middle);
    SAMPLE.check(0, middle);
}
