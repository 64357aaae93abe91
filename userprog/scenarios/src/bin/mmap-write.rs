//! mmap-write: what is written to a mapping is in the file when the mapping has ended.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let wanted = SAMPLE.start::<{ SAMPLE.len }>();
    file::create(c"mapped.dat", wanted.len());
    let fd = file::open(c"mapped.dat");
    let bytes = map::at(0x1000_0000, PAGE, true, fd, 0);
    bytes[..wanted.len()].copy_from_slice(&wanted);
    bytes[wanted.len()] = b'!'; // past the end of the file: never written
    map::end(bytes);
    file::expect_bytes(c"mapped.dat", &wanted);
    0
}
