//! Copies between kernel and user memory that survive a page fault.
//!
//! The fault handler resolves what can be resolved and returns here; for what cannot, it moves `rip` to [`fixup`]'s answer
//! and the copy ends short. So a user address needs no check beyond "below the limit" and nothing is pinned or locked.

use super::cpu::SMAP_ON;
use core::arch::{asm, naked_asm};
use core::sync::atomic::Ordering::Relaxed;

/// Copies `len` bytes and returns how many were NOT copied. System V: rdi = destination, rsi = source, rdx = length.
///
/// Whole words first, then the tail: at either `rep` the remainder can be told from rcx and rdx alone.
///
/// # Safety
///
/// As [`copy`], with user accesses allowed (AC set) if SMAP is on.
#[unsafe(naked)]
unsafe extern "C" fn copy_words_then_bytes(dst: *mut u8, src: *const u8, len: usize) -> usize {
    naked_asm!(
        "mov rcx, rdx",
        "shr rcx, 3",
        ".globl usercopy_words",
        "usercopy_words:",
        "rep movsq",
        "mov ecx, edx",
        "and ecx, 7",
        ".globl usercopy_bytes",
        "usercopy_bytes:",
        "rep movsb",
        ".globl usercopy_bytes_fixup",
        "usercopy_bytes_fixup:",
        "mov rax, rcx",
        "ret",
        ".globl usercopy_words_fixup",
        "usercopy_words_fixup:",
        "and edx, 7",
        "lea rax, [rdx + rcx * 8]",
        "ret",
    )
}

unsafe extern "C" {
    static usercopy_words: u8;
    static usercopy_bytes: u8;
    static usercopy_words_fixup: u8;
    static usercopy_bytes_fixup: u8;
}

/// Where to go on if the copy instruction at `rip` cannot complete; `None` if `rip` is no such instruction.
pub fn fixup(rip: u64) -> Option<u64> {
    let words = (&raw const usercopy_words) as u64;
    let bytes = (&raw const usercopy_bytes) as u64;
    if rip == words {
        Some((&raw const usercopy_words_fixup) as u64)
    } else if rip == bytes {
        Some((&raw const usercopy_bytes_fixup) as u64)
    } else {
        None
    }
}

/// Copies `len` bytes between user and kernel memory; returns how many could not be copied.
///
/// # Safety
///
/// One side must be kernel memory valid for `len` bytes (for reads or writes, as it is source or destination); the other must
/// lie below the user limit, where anything may happen. No spin lock may be held: the fault may sleep.
pub unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let smap = SMAP_ON.load(Relaxed); // Relaxed: constant since boot
    if smap {
        // SAFETY: SMAP is on, so `stac` exists; nothing but the copy runs before the matching `clac` (an interrupt in
        // between clears AC in its stub and restores it on return).
        unsafe { asm!("stac", options(nomem, nostack)) };
    }
    // SAFETY: by this function's contract; faults on the user side are resolved or end the copy at its fixup.
    let left = unsafe { copy_words_then_bytes(dst, src, len) };
    if smap {
        // SAFETY: as above.
        unsafe { asm!("clac", options(nomem, nostack)) };
    }
    left
}
