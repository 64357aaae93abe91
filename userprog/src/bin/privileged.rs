//! `privileged [CASE]`: executes an instruction of ring 0: hlt (the default), cli, in, cr3, msr, ud2, int3, int; status -1.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program};

program!(run);

fn run(args: Args) -> i32 {
    let case = args.get(1).unwrap_or("hlt");
    // SAFETY: each instruction faults in ring 3, which is the point; should one succeed, the program ends right after.
    unsafe {
        match case {
            "hlt" => core::arch::asm!("hlt"),
            "cli" => core::arch::asm!("cli"),
            "in" => core::arch::asm!("in al, 0x60", out("al") _),
            "cr3" => core::arch::asm!("mov {}, cr3", out(reg) _),
            "msr" => core::arch::asm!("rdmsr", in("ecx") 0xc000_0080u32, out("eax") _, out("edx") _),
            "ud2" => core::arch::asm!("ud2"),
            "int3" => core::arch::asm!("int3"),
            "int" => core::arch::asm!("int 0x20"),
            _ => check!(false, "'{case}' is none of hlt, cli, in, cr3, msr, ud2, int3, int"),
        }
    }
    println!("privileged: FAILED: executed {case}");
    1
}
