//! [`Mapping`]: a file's bytes as memory that others may change at any time.

use crate::{check, sys};

/// A mapping at an address that the program chose. Not ended when dropped: how a process's end does it is what some test.
#[derive(Clone, Copy)]
pub struct Mapping(*mut u8);

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset` on at `address`. `None`: the kernel refuses.
    ///
    /// # Safety
    /// At the address is nothing that Rust knows of.
    pub unsafe fn try_at(address: usize, len: usize, writable: bool, fd: i32, offset: i32) -> Option<Self> {
        // SAFETY: by this function's contract.
        let mapped = unsafe { sys::mmap(address, len, writable, fd, offset) };
        check!(mapped == 0 || mapped == address, "mmap at {address:#x} returned {mapped:#x}");
        (mapped != 0).then_some(Self(address as *mut u8))
    }

    /// Maps all of `fd`, to be stored to, at `address`.
    ///
    /// # Safety
    /// As [`try_at`](Self::try_at).
    pub unsafe fn of(fd: i32, address: usize) -> Self {
        let len = usize::try_from(sys::filesize(fd)).unwrap_or(0);
        // SAFETY: by this function's contract.
        let mapping = unsafe { Self::try_at(address, len, true, fd, 0) };
        check!(mapping.is_some(), "no mapping of {len} bytes of {fd} at {address:#x}");
        mapping.unwrap_or(Self(core::ptr::null_mut()))
    }

    /// An address where nothing is mapped: touching it ends the program.
    pub fn nothing_at(address: usize) -> Self {
        Self(address as *mut u8)
    }

    /// The byte at `at`.
    pub fn load(self, at: usize) -> u8 {
        // SAFETY: no Rust object lies in a mapping; where there is none the kernel ends the program, which is what some want.
        unsafe { self.0.wrapping_add(at).read_volatile() }
    }

    /// Stores a byte at `at`.
    pub fn store(self, at: usize, byte: u8) {
        // SAFETY: as for `load`.
        unsafe { self.0.wrapping_add(at).write_volatile(byte) }
    }

    /// Lets the kernel read into the `len` bytes from `at` on: read(2) of `fd`.
    pub fn read_into(self, at: usize, len: usize, fd: i32) -> i32 {
        let arguments = [fd as u32 as u64, self.0 as u64 + at as u64, len as u64, 0, 0, 0];
        // SAFETY: the kernel stores to memory that no Rust object lies in.
        unsafe { sys::raw(fl_abi::Syscall::Read as u64, arguments) as i32 }
    }

    /// Lets the kernel write the `len` bytes from `at` on to `fd`.
    pub fn write_from(self, at: usize, len: usize, fd: i32) -> i32 {
        let arguments = [fd as u32 as u64, self.0 as u64 + at as u64, len as u64, 0, 0, 0];
        // SAFETY: the kernel only reads.
        unsafe { sys::raw(fl_abi::Syscall::Write as u64, arguments) as i32 }
    }

    /// Ends the mapping that begins here.
    pub fn end(self) {
        // SAFETY: no Rust object lies in it.
        unsafe { sys::munmap(self.0 as usize) }
    }
}
