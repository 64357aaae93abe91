//! child-linear: goes over 1 MiB of memory three times and ends with status 0x42.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

static MEMORY: Memory<{ 1024 * 1024 }> = Memory::new();

fn run(_: Args) -> i32 {
    let bytes = MEMORY.take();
    check!(bytes.iter().all(|&byte| byte == 0), "new memory is not zero");
    file::fill_random(bytes, 32);
    let mut random = Random::new(32);
    let same = bytes.chunks(8).all(|chunk| chunk == random.next_u64().to_le_bytes());
    check!(same, "memory does not hold what was written");
    0x42
}
