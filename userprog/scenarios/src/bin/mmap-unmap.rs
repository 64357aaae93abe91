//! mmap-unmap: reads a mapping after it was ended; the kernel must end the program.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let bytes = map::at(0x1000_0000, 2 * PAGE, false, file::open(SAMPLE.name), 0);
    SAMPLE.check(0, bytes); // the second page lies past the file's end: zeros
    map::end(bytes);
    must_end("a read of memory that was unmapped", || memory::touch(0x1000_0000 + PAGE as u64))
}
