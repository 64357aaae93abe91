//! Mappings: made where the scenario wants them, refused where it must not have them, ended.

use userprog::{check, sys};

/// Maps `len` bytes of `fd` from `offset` on at `address`, which must be done. One that is not `writable` may only be read.
pub fn at(address: u64, len: usize, writable: bool, fd: i32, offset: i32) -> &'static mut [u8] {
    // SAFETY: Rust knows of nothing at the addresses that scenarios choose.
    let mapped = unsafe { sys::mmap(address as usize, len, writable, fd, offset) };
    check!(mapped == address as usize, "mmap at {address:#x} returned {mapped:#x}");
    // SAFETY: the kernel maps only where nothing was, so nobody else has borrowed these bytes; they are there until `end` or the
    // process's end. A mapping that is not writable is only ever read, by the caller's promise.
    unsafe { core::slice::from_raw_parts_mut(address as *mut u8, len) }
}

/// Ends a mapping that [`at`] made: all of its bytes, from the first.
pub fn end(bytes: &'static mut [u8]) {
    // SAFETY: the only borrow of the mapping is `bytes`, which ends here.
    unsafe { sys::munmap(bytes.as_ptr() as usize) };
}

/// Asks for a mapping that the kernel must refuse.
pub fn refused(address: u64, len: u64, fd: i32, offset: i32) {
    // SAFETY: what the kernel refuses changes no memory; a kernel that does not refuse ends the scenario.
    let mapped = unsafe { sys::mmap(address as usize, len as usize, false, fd, offset) };
    check!(mapped == 0, "mmap of {len:#x} bytes of descriptor {fd} at {address:#x} returned {mapped:#x}");
}
