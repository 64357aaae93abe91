//! `fork-fp [PROCESSES] [ROUNDS]`: fills x87, SSE and, where there is AVX, its wide registers, forks, and lets all processes (4) compute at
//! once with values of their own: each keeps what it has, however they preempt each other, and begins with what its parent had.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

/// Sixteen registers of 256 bits; without AVX the upper halves are not used.
type Wide = [[u64; 4]; 16];

/// The control words and one x87 register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
struct Legacy {
    number: u64,
    mxcsr: u32,
    fcw: u16,
}

fn wide(seed: u64) -> Wide {
    core::array::from_fn(|i| core::array::from_fn(|j| (seed << 8 | (i * 4 + j) as u64) * 0x9e37_79b9_7f4a))
}

/// Rounding differs by seed; all exceptions stay masked.
fn legacy(seed: u64) -> Legacy {
    let rounding = seed as u32 % 4;
    Legacy { number: seed * 1000 + 1, mxcsr: 0x1f80 | rounding << 13, fcw: 0x37f | (rounding as u16) << 10 }
}

#[cfg(target_os = "none")]
mod machine {
    use super::{Legacy, Wide};
    use core::arch::asm;

    /// Whether the kernel has turned AVX on: OSXSAVE, and both bits in XCR0.
    pub fn has_avx() -> bool {
        const OSXSAVE: u32 = 1 << 27;
        const AVX: u32 = 1 << 28;
        let features = core::arch::x86_64::__cpuid(1).ecx;
        if features & (OSXSAVE | AVX) != OSXSAVE | AVX {
            return false;
        }
        let enabled: u32;
        // SAFETY: OSXSAVE says that the instruction exists.
        unsafe { asm!("xgetbv", in("ecx") 0, out("eax") enabled, out("edx") _, options(nomem, nostack)) };
        enabled & 6 == 6
    }

    pub fn load(avx: bool, wide: &Wide, legacy: &Legacy) {
        // SAFETY: reads the two structures; the compiler uses none of the registers on this target.
        unsafe {
            if avx {
                asm!(
                    "vmovups ymm0, [{0}]", "vmovups ymm1, [{0} + 32]", "vmovups ymm2, [{0} + 64]", "vmovups ymm3, [{0} + 96]",
                    "vmovups ymm4, [{0} + 128]", "vmovups ymm5, [{0} + 160]", "vmovups ymm6, [{0} + 192]", "vmovups ymm7, [{0} + 224]",
                    "vmovups ymm8, [{0} + 256]", "vmovups ymm9, [{0} + 288]", "vmovups ymm10, [{0} + 320]", "vmovups ymm11, [{0} + 352]",
                    "vmovups ymm12, [{0} + 384]", "vmovups ymm13, [{0} + 416]", "vmovups ymm14, [{0} + 448]", "vmovups ymm15, [{0} + 480]",
                    in(reg) wide, options(nostack, readonly)
                );
            } else {
                asm!(
                    "movups xmm0, [{0}]", "movups xmm1, [{0} + 32]", "movups xmm2, [{0} + 64]", "movups xmm3, [{0} + 96]",
                    "movups xmm4, [{0} + 128]", "movups xmm5, [{0} + 160]", "movups xmm6, [{0} + 192]", "movups xmm7, [{0} + 224]",
                    "movups xmm8, [{0} + 256]", "movups xmm9, [{0} + 288]", "movups xmm10, [{0} + 320]", "movups xmm11, [{0} + 352]",
                    "movups xmm12, [{0} + 384]", "movups xmm13, [{0} + 416]", "movups xmm14, [{0} + 448]", "movups xmm15, [{0} + 480]",
                    in(reg) wide, options(nostack, readonly)
                );
            }
            asm!("fninit", "fldcw [{0} + 12]", "ldmxcsr [{0} + 8]", "fild qword ptr [{0}]", in(reg) legacy, options(nostack, readonly));
        }
    }

    pub fn store(avx: bool, wide: &mut Wide, legacy: &mut Legacy) {
        // SAFETY: writes the two structures.
        unsafe {
            if avx {
                asm!(
                    "vmovups [{0}], ymm0", "vmovups [{0} + 32], ymm1", "vmovups [{0} + 64], ymm2", "vmovups [{0} + 96], ymm3",
                    "vmovups [{0} + 128], ymm4", "vmovups [{0} + 160], ymm5", "vmovups [{0} + 192], ymm6", "vmovups [{0} + 224], ymm7",
                    "vmovups [{0} + 256], ymm8", "vmovups [{0} + 288], ymm9", "vmovups [{0} + 320], ymm10", "vmovups [{0} + 352], ymm11",
                    "vmovups [{0} + 384], ymm12", "vmovups [{0} + 416], ymm13", "vmovups [{0} + 448], ymm14", "vmovups [{0} + 480], ymm15",
                    in(reg) wide, options(nostack)
                );
            } else {
                asm!(
                    "movups [{0}], xmm0", "movups [{0} + 32], xmm1", "movups [{0} + 64], xmm2", "movups [{0} + 96], xmm3",
                    "movups [{0} + 128], xmm4", "movups [{0} + 160], xmm5", "movups [{0} + 192], xmm6", "movups [{0} + 224], xmm7",
                    "movups [{0} + 256], xmm8", "movups [{0} + 288], xmm9", "movups [{0} + 320], xmm10", "movups [{0} + 352], xmm11",
                    "movups [{0} + 384], xmm12", "movups [{0} + 416], xmm13", "movups [{0} + 448], xmm14", "movups [{0} + 480], xmm15",
                    in(reg) wide, options(nostack)
                );
            }
            // The number leaves the stack of the x87 and comes back to it.
            asm!("fistp qword ptr [{0}]", "fild qword ptr [{0}]", "stmxcsr [{0} + 8]", "fnstcw [{0} + 12]", in(reg) legacy, options(nostack));
        }
    }

    pub fn spin(rounds: u64) {
        // SAFETY: counts a register down.
        unsafe { asm!("2:", "dec {0}", "jnz 2b", inout(reg) rounds => _, options(nomem, nostack)) };
    }
}

#[cfg(not(target_os = "none"))]
mod machine {
    use super::{Legacy, Wide};
    pub fn has_avx() -> bool {
        false
    }
    pub fn load(_: bool, _: &Wide, _: &Legacy) {}
    pub fn store(_: bool, _: &mut Wide, _: &mut Legacy) {}
    pub fn spin(_: u64) {}
}

/// Compares the registers with what they were loaded with for `seed`.
fn compare(avx: bool, seed: u64, when: &str) {
    let (mut wide_now, mut legacy_now) = (wide(seed), Legacy::default());
    let used = if avx { 4 } else { 2 };
    wide_now.iter_mut().for_each(|register| register[..used].fill(0));
    machine::store(avx, &mut wide_now, &mut legacy_now);
    check!(wide_now == wide(seed), "{when}: vector registers of {seed} hold {wide_now:x?}");
    check!(legacy_now == legacy(seed), "{when}: {seed} has {legacy_now:x?}, not {:x?}", legacy(seed));
}

fn clean(avx: bool) {
    let (mut wide, mut legacy) = ([[0; 4]; 16], Legacy::default());
    machine::store(avx, &mut wide, &mut legacy);
    check!(wide == [[0; 4]; 16], "vector registers are not clean at the start: {wide:x?}");
    check!((legacy.mxcsr, legacy.fcw) == (0x1f80, 0x37f), "control words at the start: {legacy:x?}");
}

fn run(args: Args) -> i32 {
    let (processes, rounds) = (args.value(1, 4u64), args.value(2, 20_000_000u64).max(1));
    let avx = machine::has_avx();
    clean(avx);
    let mut children = [0; 16];
    for (i, child) in children.iter_mut().enumerate().take(processes as usize) {
        let seed = i as u64 + 1;
        machine::load(avx, &wide(100), &legacy(100));
        *child = sys::fork(c"fork-fp-child");
        compare(avx, 100, "after the fork");
        if *child == 0 {
            for _ in 0..10 {
                machine::load(avx, &wide(seed), &legacy(seed));
                machine::spin(rounds / 10 + 1);
                compare(avx, seed, "after a while");
            }
            sys::exit(seed as i32);
        }
        check!(*child > 0, "fork failed");
    }
    for (i, child) in children.into_iter().enumerate().take(processes as usize) {
        let status = sys::wait(child);
        check!(status == i as i32 + 1, "child {i} exited with {status}");
    }
    println!("fork-fp: {processes} processes kept their registers, AVX: {}", if avx { "yes" } else { "no" });
    0
}
