//! fork-regs: puts a value of its own into every register that a system call keeps, forks, and compares in parent and child.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

/// The registers looked at, in the order of the array: all but rax (the result), rcx and r11 (the instruction's) and rsp.
const NAMES: [&str; 12] = ["rbx", "rbp", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r12", "r13", "r14", "r15"];

/// Loads the registers from `values`, forks, stores them back there; what fork returned. rdi is the address of the child's name,
/// which is the fifth value.
#[cfg(target_os = "none")]
#[unsafe(naked)]
extern "C" fn fork_with(values: &mut [u64; 12]) -> i64 {
    core::arch::naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15", "push rdi",
        "mov rax, rdi",
        "mov rbx, [rax]", "mov rbp, [rax + 8]", "mov rdx, [rax + 16]", "mov rsi, [rax + 24]", "mov rdi, [rax + 32]",
        "mov r8, [rax + 40]", "mov r9, [rax + 48]", "mov r10, [rax + 56]", "mov r12, [rax + 64]", "mov r13, [rax + 72]",
        "mov r14, [rax + 80]", "mov r15, [rax + 88]",
        "mov eax, {fork}",
        "syscall",
        "pop rcx", // the array; rcx is lost anyway
        "mov [rcx], rbx", "mov [rcx + 8], rbp", "mov [rcx + 16], rdx", "mov [rcx + 24], rsi", "mov [rcx + 32], rdi",
        "mov [rcx + 40], r8", "mov [rcx + 48], r9", "mov [rcx + 56], r10", "mov [rcx + 64], r12", "mov [rcx + 72], r13",
        "mov [rcx + 80], r14", "mov [rcx + 88], r15",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        fork = const fl_abi::Syscall::Fork as u64,
    )
}

#[cfg(not(target_os = "none"))]
extern "C" fn fork_with(_values: &mut [u64; 12]) -> i64 {
    unreachable!("runs only under Faultline")
}

fn run(_: Args) -> i32 {
    let mut values: [u64; 12] = core::array::from_fn(|i| 0x0202_0202_0202_0202 * (i as u64 + 1));
    values[4] = c"fork-regs-child".as_ptr() as u64;
    let before = values;
    let pid = fork_with(&mut values);
    for ((name, before), after) in NAMES.iter().zip(before).zip(values) {
        check!(before == after, "{name} held {before:#x} and holds {after:#x}, fork returned {pid}");
    }
    if pid == 0 {
        sys::exit(43);
    }
    let status = sys::wait(pid as i32);
    check!(status == 43, "the child exited with {status}");
    println!("fork-regs: parent and child have all registers");
    0
}
