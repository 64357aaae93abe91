//! `fp [ROUNDS]`: keeps values in all SSE registers through a long loop (100 million rounds) and checks them, so that a
//! preemption that loses them is seen; then does a sum in SSE.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program};

program!(run);

/// Loads all 16 registers from `before`, counts `rounds` down, stores them to `after`.
///
/// The compiler uses no SSE register on this target, so they need not be declared as changed.
#[cfg(target_os = "none")]
fn keep_in_registers(before: &[[u64; 2]; 16], after: &mut [[u64; 2]; 16], rounds: u64) {
    // SAFETY: reads 256 bytes of `before` and writes 256 of `after`, which is their size.
    unsafe {
        core::arch::asm!(
            "movups xmm0, [{from}]", "movups xmm1, [{from} + 16]", "movups xmm2, [{from} + 32]", "movups xmm3, [{from} + 48]",
            "movups xmm4, [{from} + 64]", "movups xmm5, [{from} + 80]", "movups xmm6, [{from} + 96]", "movups xmm7, [{from} + 112]",
            "movups xmm8, [{from} + 128]", "movups xmm9, [{from} + 144]", "movups xmm10, [{from} + 160]", "movups xmm11, [{from} + 176]",
            "movups xmm12, [{from} + 192]", "movups xmm13, [{from} + 208]", "movups xmm14, [{from} + 224]", "movups xmm15, [{from} + 240]",
            "2:", "dec {rounds}", "jnz 2b",
            "movups [{to}], xmm0", "movups [{to} + 16], xmm1", "movups [{to} + 32], xmm2", "movups [{to} + 48], xmm3",
            "movups [{to} + 64], xmm4", "movups [{to} + 80], xmm5", "movups [{to} + 96], xmm6", "movups [{to} + 112], xmm7",
            "movups [{to} + 128], xmm8", "movups [{to} + 144], xmm9", "movups [{to} + 160], xmm10", "movups [{to} + 176], xmm11",
            "movups [{to} + 192], xmm12", "movups [{to} + 208], xmm13", "movups [{to} + 224], xmm14", "movups [{to} + 240], xmm15",
            from = in(reg) before.as_ptr(), to = in(reg) after.as_mut_ptr(), rounds = inout(reg) rounds => _,
            options(nostack),
        );
    }
}

/// 1.0 + 2.0 + .. + n, as the bits of a double.
#[cfg(target_os = "none")]
fn sum_in_sse(n: u64) -> u64 {
    let sum;
    // SAFETY: only registers change, and the compiler uses no SSE register on this target.
    unsafe {
        core::arch::asm!(
            "xorpd xmm0, xmm0",
            "2:", "cvtsi2sd xmm1, {n}", "addsd xmm0, xmm1", "dec {n}", "jnz 2b",
            "movq {sum}, xmm0",
            n = inout(reg) n => _, sum = out(reg) sum, options(nostack, nomem),
        );
    }
    sum
}

#[cfg(not(target_os = "none"))]
fn keep_in_registers(before: &[[u64; 2]; 16], after: &mut [[u64; 2]; 16], _rounds: u64) {
    *after = *before;
}

#[cfg(not(target_os = "none"))]
fn sum_in_sse(n: u64) -> u64 {
    ((1..=n).sum::<u64>() as f64).to_bits()
}

fn run(args: Args) -> i32 {
    let rounds = args.value(1, 100_000_000u64).max(1);
    let before: [[u64; 2]; 16] = core::array::from_fn(|i| [i as u64 + 1, !(i as u64)]);
    let mut after = [[0u64; 2]; 16];
    keep_in_registers(&before, &mut after, rounds);
    for i in 0..16 {
        check!(before[i] == after[i], "xmm{i} held {:x?} and holds {:x?}", before[i], after[i]);
    }
    let sum = sum_in_sse(1000);
    check!(sum == 500_500.0f64.to_bits(), "1 + .. + 1000 is {sum:#x} in SSE");
    println!("fp: 16 SSE registers kept their values");
    0
}
