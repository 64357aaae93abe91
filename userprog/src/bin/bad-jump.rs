//! `bad-jump [data|stack]`: jumps to address 0, or into data or the stack; the kernel must end it with status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PageAligned, println, program};

program!(run);

/// A lone `ret`, in writable data.
#[unsafe(link_section = ".data")]
static CODE: PageAligned<[u8; 1]> = PageAligned([0xc3]);

fn run(args: Args) -> i32 {
    let local = CODE.0;
    let (what, target) = match args.get(1) {
        Some("data") => ("data", CODE.0.as_ptr()),
        Some("stack") => ("stack", core::hint::black_box(&local).as_ptr()),
        _ => ("address 0", core::ptr::null()),
    };
    // SAFETY: if the target can be executed after all it is a lone `ret`; else the call faults, which is the point.
    unsafe { core::arch::asm!("call {}", in(reg) target, clobber_abi("C")) };
    println!("bad-jump: FAILED: executed {what}");
    1
}
