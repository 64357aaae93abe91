//! bad-read: reads address 0; the kernel must end it with status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    let byte: u8;
    // SAFETY: no memory is changed; the load faults, which is the point.
    unsafe { core::arch::asm!("mov {}, [{}]", out(reg_byte) byte, in(reg) 0u64, options(readonly, nostack)) };
    println!("bad-read: FAILED: read {byte} at address 0");
    1
}
