//! inspect: what the interrupts 0x42, 0x43 and 0x44 tell: whether a page is present and in whose frame, without touching it, and how much the
//! disk has moved; every other register stays.
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::USER_LIMIT;
use userprog::{Args, PAGE, PageAligned, check, println, program, sys};

program!(run);

static mut PAGES: PageAligned<[u8; 4 * PAGE]> = PageAligned([0; 4 * PAGE]);

/// `int 0x42`: what stands for the frame at `address`. Checks that no register but rax changes.
#[cfg(target_os = "none")]
fn token(address: u64) -> u64 {
    let (result, changed): (u64, u64);
    // SAFETY: the kernel changes rax only, which is what is checked: the sum of the others' differences is `changed`.
    unsafe {
        core::arch::asm!(
            "mov rcx, 0x11", "mov rdx, 0x22", "mov rsi, 0x33", "mov rdi, 0x44", "mov r8, 0x55", "mov r9, 0x66",
            "mov r10, 0x77", "mov r11, 0x88", "mov r12, 0x99",
            "int 0x42",
            "sub rcx, 0x11", "sub rdx, 0x22", "sub rsi, 0x33", "sub rdi, 0x44", "sub r8, 0x55", "sub r9, 0x66",
            "sub r10, 0x77", "sub r11, 0x88", "sub r12, 0x99",
            "or rcx, rdx", "or rcx, rsi", "or rcx, rdi", "or rcx, r8", "or rcx, r9", "or rcx, r10", "or rcx, r11", "or rcx, r12",
            inlateout("rax") address => result, out("rcx") changed, out("rdx") _, out("rsi") _, out("rdi") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
        );
    }
    check!(changed == 0, "int 0x42 changed a register");
    result
}

/// `int 0x43` or, if `writes`, `0x44`: sectors moved by the disk at that place.
#[cfg(target_os = "none")]
fn sectors(writes: bool, channel: u64, device: u64) -> u64 {
    let result;
    // SAFETY: the kernel changes rax only.
    unsafe {
        match writes {
            false => core::arch::asm!("int 0x43", out("rax") result, in("rdx") channel, in("rcx") device),
            true => core::arch::asm!("int 0x44", out("rax") result, in("rdx") channel, in("rcx") device),
        }
    }
    result
}

#[cfg(not(target_os = "none"))]
fn token(_: u64) -> u64 {
    0
}

#[cfg(not(target_os = "none"))]
fn sectors(_: bool, _: u64, _: u64) -> u64 {
    0
}

fn run(_: Args) -> i32 {
    let pages = &raw mut PAGES as u64;
    let page = |n: u64| pages + n * PAGE as u64;
    check!(token(page(1)) == 0 && token(page(1)) == 0, "looking has brought a page in");
    // SAFETY: the pages are ours, and there is one thread.
    unsafe { (page(1) as *mut u8).write_volatile(1) };
    let first = token(page(1));
    check!(first != 0, "a page that was written is not there");
    check!(token(page(1) + 4095) == first, "the last byte of a page lies elsewhere than its first");
    check!(token(page(2)) == 0, "the next page has come along");
    // SAFETY: as above.
    unsafe { (page(2) as *mut u8).read_volatile() };
    check!(token(page(2)) != 0 && token(page(2)) != first, "two pages in one frame");
    for address in [0, 0x1000, USER_LIMIT - 1, USER_LIMIT, 0x8000_0000_0000, 0xffff_8000_0000_0000, u64::MAX]
    {
        check!(token(address) == 0, "there is something at {address:#x}");
    }
    for (channel, device) in [(0, 0), (7, 7), (u64::MAX, 1)] {
        check!(
            sectors(false, channel, device) == 0 && sectors(true, channel, device) == 0,
            "a disk at {channel}, {device}"
        );
    }
    let (read, written) = (sectors(false, 0, 1), sectors(true, 0, 1));
    check!(sectors(false, 0, 1) >= read && sectors(true, 0, 1) >= written, "the disk's figures shrink");
    let child = sys::fork(c"inspect-child");
    if child == 0 {
        check!(token(page(3)) == 0, "the child has a page that its parent has not");
        // SAFETY: as above.
        unsafe { (page(1) as *mut u8).write_volatile(2) };
        sys::exit(i32::from(token(page(1)) == first)); // its own frame, after a write at the latest
    }
    let status = sys::wait(child);
    check!(status == 0, "the child writes to its parent's frame, or failed: {status}");
    check!(token(page(1)) == first, "the parent's page has moved");
    println!("inspect: pages and disks looked at");
    0
}
