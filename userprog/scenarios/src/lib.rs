//! What the conformance scenarios share: files of known bytes, memory at known places, children, merging. And their table.
//!
//! A scenario is a program in `src/bin` and a row in `table` (host builds only): what must be on the console when it has run. Programs say nothing
//! while all is well, so that what is compared is what the kernel says: the exit lines. One that must be ended says that it came so far. A check that does not hold prints
//! `NAME: FAILED: what` and exits with 1.
#![cfg_attr(target_os = "none", no_std)]

pub mod child;
pub mod data;
pub mod file;
pub mod map;
pub mod memory;
pub mod merge;
#[cfg(not(target_os = "none"))]
pub mod table;

/// What a scenario's program imports.
pub mod prelude {
    pub use crate::data::{LARGE, SAMPLE, SMALL, ZEROS};
    pub use crate::memory::{self, Memory};
    pub use crate::{arguments, child, fatal, file, map, merge, must_end, survived};
    pub use fl_abi::{STDIN, STDOUT, Syscall, USER_LIMIT, USER_STACK};
    pub use userprog::{Args, PAGE, Random, cformat, check, name, program, sys};
}

// Not in the prelude: glob imports of these two clash with the host's.
pub use userprog::{print, println};

use core::fmt;

use fl_abi::Syscall;
use userprog::{Args, check, name, sys};

/// What a program prints before it makes the mistake that it must be ended for: it came so far.
pub const LAST_WORDS: &str = "now the kernel must end this program";

/// For what must have ended the process: says that it did not, and exits with 1.
pub fn survived(what: &str) -> ! {
    println!("{}: FAILED: survived {what}", name());
    sys::exit(1)
}

/// Makes the mistake, which must end the process.
pub fn must_end(what: &str, mistake: impl FnOnce()) -> ! {
    println!("{LAST_WORDS}");
    mistake();
    survived(what)
}

/// Makes a call that must end the process, because an address among its arguments is none of ours.
pub fn fatal(call: Syscall, arguments: [u64; 6]) -> ! {
    must_end("a system call with a bad address", || {
        // SAFETY: every pointer given here leads to memory that this process does not have, so the kernel can change nothing of ours.
        let _ = unsafe { sys::raw(call as u64, arguments) };
    })
}

/// Prints all arguments on one line, each in quotes, and checks how the kernel laid them out.
pub fn arguments(args: Args) -> i32 {
    check!((args.argv() as usize).is_multiple_of(8), "argv at {:p} is not aligned to 8", args.argv());
    check!(args.ends_with_null(), "argv[{}] is not null", args.count());
    println!("argc {}:{}", args.count(), Quoted(args));
    0
}

/// Shows each argument in quotes, a space before it.
struct Quoted(Args);

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.into_iter().try_for_each(|word| write!(f, " '{word}'"))
    }
}
