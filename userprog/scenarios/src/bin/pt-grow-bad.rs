//! pt-grow-bad: reads 4096 bytes below the stack pointer, where the stack must not grow; the kernel must end it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(run);

fn run(_: Args) -> i32 {
    // SAFETY: no memory is changed; the load faults.
    #[cfg(target_os = "none")]
    unsafe {
        core::arch::asm!("mov {}, [rsp - 4096]", out(reg) _, options(readonly, nostack))
    };
    survived("a read far below the stack pointer")
}
