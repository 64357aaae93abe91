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

/// Longest user string looked at, in bytes with its NUL: a page, as Pintos has it.
pub const STRING_MAX: usize = PAGE_SIZE;

/// Reads the string at `va`, as much of it as `out` holds, and returns its length without the NUL: more than `out` holds if it did
/// not fit, [`STRING_MAX`] if there is no NUL within that. Every byte up to the NUL is looked at, whether `out` holds it or not;
/// of pages behind it none is touched. Faults, and so may sleep: call it with no spin lock held.
pub fn read_string(va: u64, out: &mut [u8]) -> Result<usize, BadPointer> {
    /// Bytes copied at a time, on the kernel stack.
    const PIECE: usize = 64;
    let mut piece = [0; PIECE];
    let mut len = 0;
    while len < STRING_MAX {
        let at = va.checked_add(len as u64).ok_or(BadPointer)?;
        let to_page_end = PAGE_SIZE - at as usize % PAGE_SIZE;
        let piece = &mut piece[..PIECE.min(to_page_end).min(STRING_MAX - len)];
        read(at, piece)?;
        let text = piece.iter().position(|&byte| byte == 0).unwrap_or(piece.len());
        if let Some(room) = out.get_mut(len..) {
            room.iter_mut().zip(&piece[..text]).for_each(|(to, from)| *to = *from);
        }
        len += text;
        if text < piece.len() {
            break;
        }
    }
    Ok(len)
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
