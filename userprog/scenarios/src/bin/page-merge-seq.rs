//! page-merge-seq: sorts 1 MiB with sixteen children, one after the other.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

const CHUNK: usize = 126 * 512;
static DATA: Memory<{ 16 * CHUNK }> = Memory::new();
static SORTED: Memory<{ 16 * CHUNK }> = Memory::new();

fn run(_: Args) -> i32 {
    let sorter = merge::Sorter { program: "child-sort", status: 123, at_once: false };
    sorter.sort(DATA.take(), SORTED.take(), CHUNK);
    0
}
