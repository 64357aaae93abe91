//! `die [WAY]`: makes a child for each exception that a program can raise, and looks that it is killed; with WAY, raises that one itself.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

const WAYS: [(&str, fn()); 14] = [
    ("divide", || run_asm(0)),
    ("single-step", || run_asm(1)),
    ("breakpoint", || run_asm(2)),
    ("overflow", || run_asm(3)),
    ("invalid-opcode", || run_asm(4)),
    ("privileged", || run_asm(5)),
    ("interrupt-gate", || run_asm(6)),
    ("unknown-interrupt", || run_asm(7)),
    ("not-canonical", || run_asm(8)),
    ("stack-segment", || run_asm(9)),
    ("misaligned", || run_asm(10)),
    ("x87", || run_asm(11)),
    ("sse", || run_asm(12)),
    ("execute-data", || run_asm(13)),
];

#[cfg(target_os = "none")]
fn run_asm(way: u32) {
    use core::arch::asm;
    // SAFETY: none of these returns: the kernel must end the process, whose memory and registers nobody looks at again.
    unsafe {
        match way {
            0 => asm!("xor ecx, ecx", "mov eax, 1", "cdq", "idiv ecx"),
            1 => asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop"),
            2 => asm!("int3"),
            3 => asm!("int 4"),
            4 => asm!("ud2"),
            5 => asm!("hlt"),
            6 => asm!("int 0x20"),
            7 => asm!("int 0x80"),
            8 => asm!("mov rax, 0x800000000000", "mov al, [rax]"),
            9 => asm!("mov rbp, 0x800000000000", "mov al, [rbp]"),
            // AC in the flags, and CR0.AM, which is the kernel's choice: without it nothing happens, so a bad access follows.
            10 => asm!(
                "pushfq",
                "or qword ptr [rsp], 0x40000",
                "popfq",
                "mov eax, [rsp + 1]",
                "xor eax, eax",
                "mov al, [rax]"
            ),
            11 => asm!("push 0x360", "fninit", "fldcw [rsp]", "fldz", "fld1", "fdiv st(0), st(1)", "fwait"),
            12 => asm!(
                "push 0x1d00",
                "ldmxcsr [rsp]",
                "xorps xmm0, xmm0",
                "pcmpeqd xmm1, xmm1",
                "psrld xmm1, 25",
                "pslld xmm1, 23",
                "divss xmm1, xmm0"
            ),
            _ => asm!("push 0xc3", "call rsp"),
        }
    }
}

#[cfg(not(target_os = "none"))]
fn run_asm(_: u32) {}

fn run(args: Args) -> i32 {
    if let Some(wanted) = args.get(1) {
        let Some((_, die)) = WAYS.iter().find(|(name, _)| *name == wanted) else {
            println!("die: there is no way called {wanted}");
            return 1;
        };
        die();
        println!("die: FAILED: {wanted} did not end the process");
        return 1;
    }
    for (name, die) in WAYS {
        let pid = sys::fork(c"die-child");
        if pid == 0 {
            die();
            sys::exit(1);
        }
        let status = sys::wait(pid);
        check!(status == -1, "{name}: the child exited with {status}");
    }
    println!("die: {} exceptions ended their processes", WAYS.len());
    0
}
