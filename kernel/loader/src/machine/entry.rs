//! Assembles what runs before Rust can: the multiboot entry and the other processors' way to 64-bit mode.
//!
//! `entry.S` gets its numbers from here, so that each is written once.

use super::{console, smp};
use loader::hhdm;

core::arch::global_asm!(
    include_str!("entry.S"),
    hhdm = const hhdm::OFFSET,
    trampoline = const smp::TRAMPOLINE,
    debug_exit = const console::DEBUG_EXIT,
    exit_value = const console::EXIT_VALUE,
    com1 = const console::DATA,
    options(att_syntax)
);
