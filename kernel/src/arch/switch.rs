//! The context switch: callee-saved registers onto the old stack, the new stack in, and off we go; and a call on another stack.

use core::arch::naked_asm;

/// Saves this context, stores its stack pointer at `save`, and continues the context whose stack pointer is `next`.
///
/// Returns when somebody switches back to the saved context.
///
/// # Safety
///
/// Interrupts off. `next` must be a stack pointer stored by this function or made by [`prepare`], of a context that runs nowhere.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut u64, next: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// First instructions of a new context: calls `rbx(r12)` on an aligned stack with a zero frame pointer, so backtraces end here.
///
/// # Safety
///
/// Only returned into, from a stack that [`prepare`] laid out.
#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, r12", "call rbx", "ud2")
}

/// Lays out a new context on the stack that ends at `top`: it will call `entry(argument)`. Returns its stack pointer.
///
/// # Safety
///
/// `top` must be 16-byte aligned with at least 64 writable bytes below it that nobody else uses.
pub unsafe fn prepare(top: u64, entry: extern "C" fn(usize) -> !, argument: usize) -> u64 {
    let frame: [u64; 8] =
        [0, 0, 0, argument as u64, 0, entry as *const () as u64, start as *const () as u64, 0]; // r15 r14 r13 r12 rbp rbx rip pad
    let sp = top - size_of_val(&frame) as u64;
    // SAFETY: the 64 bytes below `top` are ours by contract.
    unsafe { (sp as *mut [u64; 8]).write(frame) };
    sp
}

/// Calls `function(argument)` on the stack that ends at `top`, and returns when it does. The thread stays the same: it may be preempted and sleep.
///
/// # Safety
///
/// `top` must be 16-byte aligned, the end of a stack large enough for the call, which nobody else uses until this returns.
#[unsafe(naked)]
pub unsafe extern "C" fn call_on(top: u64, function: extern "C" fn(*mut ()), argument: *mut ()) {
    naked_asm!("push rbp", "mov rbp, rsp", "mov rsp, rdi", "mov rdi, rdx", "call rsi", "leave", "ret")
}
