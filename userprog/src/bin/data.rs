//! data: reads initialised data and constants over several pages of the ELF file, then writes the data: loaded, not zero-filled.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use userprog::{Args, PAGE, PageAligned, check, println, program};

program!(run);

const WORDS: usize = 8 * PAGE / 4;

/// What word `i` of the tables holds: no two neighbours are alike and none is zero.
const fn expected(i: usize) -> u32 {
    (i as u32).wrapping_mul(0x9e37_79b1) | 1
}

const fn words() -> [u32; WORDS] {
    let mut words = [0; WORDS];
    let mut i = 0;
    while i < WORDS {
        words[i] = expected(i);
        i += 1;
    }
    words
}

static CONSTANTS: PageAligned<[u32; WORDS]> = PageAligned(words());

// Relaxed everywhere: one thread; atomics only because a static that changes needs them.
static DATA: PageAligned<[AtomicU32; WORDS]> = PageAligned({
    let mut data = [const { AtomicU32::new(0) }; WORDS];
    let mut i = 0;
    while i < WORDS {
        data[i] = AtomicU32::new(expected(i));
        i += 1;
    }
    data
});

fn run(_: Args) -> i32 {
    let (constants, data) = (&black_box(&CONSTANTS).0, &black_box(&DATA).0);
    for i in 0..WORDS {
        check!(constants[i] == expected(i), "constant {i} is {:#x}", constants[i]);
        check!(data[i].load(Relaxed) == expected(i), "datum {i} is {:#x}", data[i].load(Relaxed));
    }
    data.iter().for_each(|word| word.store(!word.load(Relaxed), Relaxed));
    for (i, word) in data.iter().enumerate() {
        check!(word.load(Relaxed) == !expected(i), "datum {i} lost what was written");
    }
    println!(
        "data: {} KiB of constants and {} KiB of data are as in the file",
        WORDS * 4 / 1024,
        WORDS * 4 / 1024
    );
    0
}
