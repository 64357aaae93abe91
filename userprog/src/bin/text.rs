//! text: executes functions that lie in pages of their own, in a mixed order: each page of text is loaded when first jumped to.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, Random, check, println, program};

program!(run);

const FUNCTIONS: usize = 16;

// Sixteen functions, each at the start of a page: number i returns 2 * argument + i.
core::arch::global_asm!(
    ".pushsection .text.spread,\"ax\",@progbits",
    ".p2align 12",
    ".global spread_functions",
    "spread_functions:",
    ".set spread_i, 0",
    ".rept 16",
    "lea rax, [rdi + rdi + spread_i]",
    "ret",
    ".p2align 12, 0xcc",
    ".set spread_i, spread_i + 1",
    ".endr",
    ".popsection",
);

unsafe extern "C" {
    /// The first of the functions; the others follow a page apart.
    fn spread_functions(argument: u64) -> u64;
}

fn run(_: Args) -> i32 {
    let mut order: [usize; FUNCTIONS] = core::array::from_fn(|i| i);
    Random::new(11).shuffle(&mut order);
    for i in order {
        let at = (spread_functions as *const ()).wrapping_byte_add(i * PAGE);
        // SAFETY: the assembly above puts a function of exactly this type at each of these addresses.
        let function: extern "C" fn(u64) -> u64 = unsafe { core::mem::transmute(at) };
        let result = function(100);
        check!(result == 200 + i as u64, "function {i} returned {result}");
    }
    println!("text: {FUNCTIONS} functions in {FUNCTIONS} pages answered");
    0
}
