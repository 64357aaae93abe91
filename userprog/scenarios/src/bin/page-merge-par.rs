//! page-merge-par: sorts 1 MiB with eight children at once, which sort in their data.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

const CHUNK: usize = 128 * 1024;
static DATA: Memory<{ 8 * CHUNK }> = Memory::new();
static SORTED: Memory<{ 8 * CHUNK }> = Memory::new();

fn run(_: Args) -> i32 {
    let sorter = merge::Sorter { program: "child-sort", status: 123, at_once: true };
    sorter.sort(DATA.take(), SORTED.take(), CHUNK);
    0
}
