//! page-linear: goes over 5 MiB of memory again and again, from the first byte to the last.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 5 * 1024 * 1024 }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = MEMORY.take();
    bytes.fill(0x5a);
    check!(bytes.iter().all(|&byte| byte == 0x5a), "not every byte is 0x5a");
    flip(bytes);
    check!(bytes.iter().any(|&byte| byte != 0x5a), "no byte changed");
    flip(bytes);
    check!(bytes.iter().all(|&byte| byte == 0x5a), "not every byte is 0x5a again");
    0
}

/// Reads, changes and writes all: the second time undoes the first.
fn flip(bytes: &mut [u8]) {
    let mut random = Random::new(31);
    for chunk in bytes.chunks_exact_mut(8) {
        let flipped = u64::from_ne_bytes((&*chunk).try_into().expect("8 bytes")) ^ random.next_u64();
        chunk.copy_from_slice(&flipped.to_ne_bytes());
    }
}
