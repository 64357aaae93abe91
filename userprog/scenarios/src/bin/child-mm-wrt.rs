//! child-mm-wrt: makes a file, writes it through a mapping, and ends without ending the mapping.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let wanted = SAMPLE.start::<{ SAMPLE.len }>();
    file::create(c"mapped.dat", wanted.len());
    let bytes = map::at(0x1000_0000, wanted.len(), true, file::open(c"mapped.dat"), 0);
    bytes.copy_from_slice(&wanted);
    0
}
