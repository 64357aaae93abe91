//! bad-write: writes address 0; the kernel must end it with status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: nothing of the program lies at address 0; the store faults, which is the point.
    unsafe { core::arch::asm!("mov byte ptr [{}], 42", in(reg) 0u64, options(nostack)) };
    println!("bad-write: FAILED: wrote at address 0");
    1
}
