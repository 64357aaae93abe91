//! divide: divides by zero; the kernel must end it with status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: only registers change; the division faults, which is the point.
    unsafe {
        core::arch::asm!("div {0:e}", in(reg) 0u32, inout("eax") 1u32 => _, inout("edx") 0u32 => _, options(nostack))
    };
    println!("divide: FAILED: divided by zero");
    1
}
