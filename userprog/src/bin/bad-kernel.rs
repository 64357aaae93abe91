//! `bad-kernel [read|write|jump [ADDRESS]]`: reads, writes or jumps to an address no user program may touch; status -1.
//!
//! The address is a hexadecimal number; 8004000000 (the end of user memory) if not given. ffff800000000000 is the kernel's half.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program};

program!(run);

fn run(args: Args) -> i32 {
    let what = args.get(1).unwrap_or("read");
    let address = u64::from_str_radix(args.get(2).unwrap_or("8004000000"), 16).unwrap_or(0);
    check!(address >= fl_abi::USER_LIMIT, "{address:#x} is no kernel address");
    match what {
        // SAFETY: no memory is changed; the load faults, which is the point.
        "read" => unsafe {
            core::arch::asm!("mov {0}, [{0}]", inout(reg) address => _, options(readonly, nostack))
        },
        // SAFETY: nothing of the program lies there; the store faults, which is the point.
        "write" => unsafe { core::arch::asm!("mov byte ptr [{}], 42", in(reg) address, options(nostack)) },
        // SAFETY: the call never comes back: it faults, which is the point.
        "jump" => unsafe { core::arch::asm!("call {}", in(reg) address, clobber_abi("C")) },
        _ => check!(false, "'{what}' is none of read, write, jump"),
    }
    println!("bad-kernel: FAILED: could {what} {address:#x}");
    1
}
