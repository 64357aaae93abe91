//! syn-read: ten children read one file at once, byte by byte.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let mut bytes = [0; file::SHARED_LEN];
    file::fill_random(&mut bytes, 11);
    file::write_in_blocks(c"shared.dat", &bytes, || bytes.len());
    let pids = core::array::from_fn::<i32, 10, _>(|i| child::start(&cformat!("child-syn-read {i}")));
    pids.into_iter().zip(0..).for_each(|(pid, status)| child::expect(pid, status));
    0
}
