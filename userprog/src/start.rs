//! Entry of every program, its name, and what a panic does.
//!
//! The kernel enters `_start(argc: i32 in edi, argv in rsi)` with `rsp` at a fake return address and `rsp` only 8-aligned.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::args;

/// Exit status of a program that panicked (after it printed `NAME: panicked: WHERE: WHY`), as Rust's own runtime has it.
pub const PANIC_STATUS: i32 = 101;

/// `argv[0]` as the kernel laid it down, or null before the start. Written once, before the program's body runs.
static NAME: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The name the program was started by (`argv[0]`); `?` if there is none or it is not UTF-8.
pub fn name() -> &'static str {
    // Relaxed: programs have one thread; there is no partner.
    let first = NAME.load(Ordering::Relaxed);
    if first.is_null() {
        return "?";
    }
    // SAFETY: only `enter` stores here, and it stores an argv string, which lives and stays as long as the process.
    unsafe { args::text(first) }.unwrap_or("?")
}

#[cfg(target_os = "none")]
mod bare {
    use super::*;
    use crate::{Args, println, sys};

    unsafe extern "Rust" {
        /// The program's body, defined by `program!`.
        safe fn userprog_main(args: Args) -> i32;
    }

    /// Aligns the stack as the compiler expects (the kernel promises only 8 bytes), ends the frame-pointer chain, enters Rust.
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".text.start")]
    extern "C" fn _start() -> ! {
        core::arch::naked_asm!("xor ebp, ebp", "and rsp, -16", "call {enter}", "ud2", enter = sym enter)
    }

    extern "C" fn enter(argc: i32, argv: *const *const u8) -> ! {
        // SAFETY: this is what the kernel put in edi and rsi: `argc` strings and a null pointer, on our stack for good.
        let args = unsafe { Args::new(argc, argv) };
        if argc > 0 {
            // SAFETY: `argc` says that the first pointer exists.
            NAME.store(unsafe { *argv }.cast_mut(), Ordering::Relaxed);
        }
        sys::exit(userprog_main(args))
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        match info.location() {
            Some(at) => println!("{}: panicked: {}:{}: {}", name(), at.file(), at.line(), info.message()),
            None => println!("{}: panicked: {}", name(), info.message()),
        }
        sys::exit(PANIC_STATUS)
    }
}
