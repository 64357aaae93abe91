//! stack-low: reads 4096 bytes below the stack pointer, where the stack must not grow to; the kernel must end it with status -1.
//!
//! It prints nothing before, so that the page below is not there yet.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: no memory is changed; the load faults, which is the point.
    unsafe { core::arch::asm!("mov {}, [rsp - 4096]", out(reg) _, options(readonly, nostack)) };
    println!("stack-low: FAILED: read 4096 bytes below the stack pointer");
    1
}
