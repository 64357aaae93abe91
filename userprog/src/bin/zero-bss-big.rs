//! `zero-bss-big [MIB]`: writes so many MiB of .bss (32 if not given, at most 512): more than `--user-frames` gives it.
//!
//! With enough memory it ends with status 0; without, the kernel must end it with status -1 and live on.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, check, println, program};

program!(run);

const MAX: usize = 512;

// 512 MiB of .bss. In assembly, because the compiler would evaluate an array of that size at build time.
core::arch::global_asm!(
    ".pushsection .bss.big,\"aw\",@nobits",
    ".p2align 12",
    "big_memory: .skip 512 << 20",
    ".popsection",
);

unsafe extern "C" {
    #[link_name = "big_memory"]
    static mut BIG_MEMORY: [u8; MAX << 20];
}

fn run(args: Args) -> i32 {
    let mib = args.value(1, 32usize);
    check!((1..=MAX).contains(&mib), "{mib} MiB: must be 1 to {MAX}");
    for at in (0..mib << 20).step_by(PAGE) {
        // SAFETY: `at` is below the size of the memory that the assembly above reserves, and nobody borrows it.
        unsafe { (&raw mut BIG_MEMORY).cast::<u8>().add(at).write_volatile(1) };
    }
    println!("zero-bss-big: wrote {mib} MiB");
    0
}
