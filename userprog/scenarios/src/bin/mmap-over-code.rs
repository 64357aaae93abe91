//! mmap-over-code: mapping over the program's text is refused.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    let text = run as *const () as u64;
    map::refused(text - text % PAGE as u64, PAGE as u64, file::open(SAMPLE.name), 0);
    0
}
