//! write-text: writes to its own program text; the kernel must end it with status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, println, program};

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: the byte is written with what it holds, should the store succeed; else it faults, which is the point.
    unsafe {
        core::arch::asm!("mov {1}, [{0}]", "mov [{0}], {1}", in(reg) run as *const u8, out(reg_byte) _, options(nostack));
    }
    println!("write-text: FAILED: wrote to program text");
    1
}
