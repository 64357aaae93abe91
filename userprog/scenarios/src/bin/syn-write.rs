//! syn-write: ten children write their parts of one file at once; then all of it is there.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let mut bytes = [0; 10 * 512];
    file::create(c"parts.dat", bytes.len());
    let pids = core::array::from_fn::<i32, 10, _>(|i| child::start(&cformat!("child-syn-wrt {i}")));
    pids.into_iter().zip(0..).for_each(|(pid, status)| child::expect(pid, status));
    file::fill_random(&mut bytes, 9);
    file::expect_bytes(c"parts.dat", &bytes);
    0
}
