//! User memory as the kernel touches it for system calls: an allegation until the copy has succeeded.

use crate::arch::usercopy;
use fl_abi::USER_LIMIT;
use fl_addr::PAGE_SIZE;

/// The program gave an address that it may not use so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadPointer;

/// Fails unless [va, va+len) lies below the user limit and does not wrap. Says nothing about what is mapped there.
fn check(va: u64, len: usize) -> Result<(), BadPointer> {
    match va.checked_add(len as u64) {
        Some(end) if end <= USER_LIMIT => Ok(()),
        _ => Err(BadPointer),
    }
}

/// Reads a byte of each page of a buffer, so that a bad one is found before anything is done with its good part.
pub fn probe(va: u64, len: usize) -> Result<(), BadPointer> {
    check(va, len)?;
    let mut at = va;
    while at < va + len as u64 {
        read(at, &mut [0])?;
        at = (at & !(PAGE_SIZE as u64 - 1)) + PAGE_SIZE as u64;
    }
    Ok(())
}

/// Copies from user memory of the running process. Faults, and so may sleep: call it with no spin lock held.
pub fn read(va: u64, out: &mut [u8]) -> Result<(), BadPointer> {
    check(va, out.len())?;
    // SAFETY: the destination is a kernel slice; the source lies below the user limit.
    let left = unsafe { usercopy::copy(out.as_mut_ptr(), va as *const u8, out.len()) };
    if left == 0 { Ok(()) } else { Err(BadPointer) }
}

/// Copies to user memory of the running process. Faults, and so may sleep: call it with no spin lock held.
pub fn write(va: u64, bytes: &[u8]) -> Result<(), BadPointer> {
    check(va, bytes.len())?;
    // SAFETY: the source is a kernel slice; the destination lies below the user limit.
    let left = unsafe { usercopy::copy(va as *mut u8, bytes.as_ptr(), bytes.len()) };
    if left == 0 { Ok(()) } else { Err(BadPointer) }
}
