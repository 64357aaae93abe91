//! Runtime of Faultline's user programs: entry, system calls, printing, arguments, checks.
//!
//! A program is a file in `src/bin` that hands a function to [`program!`]. The contract with the kernel (numbers, addresses)
//! is `fl-abi`; the state at entry is that of pintos-kaist. On the host everything compiles, so that the parts without a
//! system call can be tested, but a system call made there panics.
#![cfg_attr(target_os = "none", no_std)]

mod args;
pub mod bench;
pub mod family;
mod mapping;
mod print;
mod random;
pub mod stamp;
mod start;
pub mod sys;
mod text;

pub use args::Args;
pub use mapping::Mapping;
pub use print::{LineBuffer, print};
pub use random::Random;
pub use start::{PANIC_STATUS, name};
pub use text::CText;

/// Bytes in a page.
pub const PAGE: usize = 4096;

/// Memory that begins at a page boundary, so that a program knows which of its bytes share a page.
#[repr(C, align(4096))]
pub struct PageAligned<T>(pub T);

/// Makes `$run`, a `fn(Args) -> i32`, the program's body; what it returns is the exit status.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        fn userprog_main(args: $crate::Args) -> i32 {
            $run(args)
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            let _: fn($crate::Args) -> i32 = $run;
            std::eprintln!("this program runs under Faultline: cargo xtask run --exec NAME");
            std::process::exit(2);
        }
    };
}

/// Goes on if the condition holds; else prints `NAME: FAILED: what` and exits with status 1.
#[macro_export]
macro_rules! check {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            $crate::println!("{}: FAILED: {}", $crate::name(), core::format_args!($($what)+));
            $crate::sys::exit(1);
        }
    };
}
