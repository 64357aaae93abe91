//! read-normal: reads a file to its end: size, bytes, and nothing behind them.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    file::expect_data(file::open(SAMPLE.name), &SAMPLE);
    0
}
