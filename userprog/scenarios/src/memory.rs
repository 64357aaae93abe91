//! Memory at known places: static buffers that begin at a page, buffers across a page's end, single bytes at any address.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, Ordering};

use userprog::{PAGE, PageAligned, Random, check, sys};

use crate::merge;

/// `N` bytes of zeros at a page's beginning, in the program's bss: not in memory before the first touch.
pub struct Memory<const N: usize> {
    bytes: UnsafeCell<PageAligned<[u8; N]>>,
    taken: AtomicBool,
}

// SAFETY: `take` gives the bytes out once, and nothing else reaches them.
unsafe impl<const N: usize> Sync for Memory<N> {}

impl<const N: usize> Memory<N> {
    /// For a `static`.
    #[allow(clippy::new_without_default, reason = "a value of this size exists only as a static")]
    pub const fn new() -> Self {
        Self { bytes: UnsafeCell::new(PageAligned([0; N])), taken: AtomicBool::new(false) }
    }

    /// The bytes; once per program (a forked child keeps what its parent took).
    ///
    /// # Panics
    /// The second time.
    #[allow(clippy::mut_from_ref, reason = "given out once")]
    pub fn take(&'static self) -> &'static mut [u8; N] {
        // Relaxed: programs have one thread; there is no partner.
        assert!(!self.taken.swap(true, Ordering::Relaxed), "this memory is taken");
        // SAFETY: the flag lets one caller through, so this is the only reference there ever is.
        unsafe { &mut (*self.bytes.get()).0 }
    }

    /// Where it begins; touches nothing.
    pub fn address(&'static self) -> u64 {
        self.bytes.get() as u64
    }
}

/// An address at which no scenario's process has anything.
pub const NOTHING: u64 = 0x2010_1234;

static BOUNDARY: Memory<{ 2 * PAGE }> = Memory::new();

/// A buffer of `len` bytes (at most a page) whose middle is a page's end. Once per program; neither page is in memory yet.
pub fn buffer_across_pages(len: usize) -> &'static mut [u8] {
    check!(len <= PAGE, "{len} bytes are more than a page");
    &mut BOUNDARY.take()[PAGE - len / 2..][..len]
}

/// A copy of `text` whose middle is a page's end. Once per program.
pub fn text_across_pages(text: &CStr) -> &'static CStr {
    let bytes = text.to_bytes_with_nul();
    let copy = buffer_across_pages(bytes.len());
    copy.copy_from_slice(bytes);
    CStr::from_bytes_with_nul(copy).expect("a copy of a C string is one")
}

/// Reads the byte at any address; one that this process does not have ends it.
#[cfg(target_os = "none")]
pub fn load(address: u64) -> u8 {
    let byte;
    // SAFETY: no memory is changed; a load that is not allowed faults, which the scenarios want.
    unsafe {
        core::arch::asm!("mov {}, [{}]", out(reg_byte) byte, in(reg) address, options(readonly, nostack))
    };
    byte
}

/// Reads it for the fault's sake.
pub fn touch(address: u64) {
    load(address);
}

/// Writes a byte at any address; one that this process may not write ends it.
///
/// # Safety
/// Nothing that Rust knows of lies at the address, unless the store faults.
#[cfg(target_os = "none")]
pub unsafe fn store(address: u64, byte: u8) {
    // SAFETY: the caller's promise.
    unsafe { core::arch::asm!("mov [{}], {}", in(reg) address, in(reg_byte) byte, options(nostack)) };
}

/// Calls the code at an address of which the process has nothing to execute; that ends it.
#[cfg(target_os = "none")]
pub fn call(address: u64) {
    // SAFETY: the call faults at its target before an instruction of it runs.
    unsafe { core::arch::asm!("call {}", in(reg) address, clobber_abi("C")) };
}

/// Exchanges all bytes ten times in random orders; each value must occur as often as before.
pub fn shuffle_and_check(bytes: &mut [u8]) {
    bytes.iter_mut().zip(0..).for_each(|(byte, i): (_, usize)| *byte = i.wrapping_mul(257) as u8);
    let before = merge::histogram(bytes);
    let mut random = Random::new(41);
    for round in 0..10 {
        random.shuffle(bytes);
        check!(merge::histogram(bytes) == before, "round {round} lost bytes");
    }
}

/// Writes one byte to each page, and none alike to its neighbours.
pub fn mark_pages(bytes: &mut [u8]) {
    bytes.chunks_mut(PAGE).enumerate().for_each(|(i, page)| page[0] = mark(i));
}

/// Checks what [`mark_pages`] wrote, and that the rest is still zero at one place of each page.
pub fn check_marks(bytes: &[u8]) {
    for (i, page) in bytes.chunks(PAGE).enumerate() {
        check!(page[0] == mark(i), "page {i} holds {:#04x}, not {:#04x}", page[0], mark(i));
        check!(page[page.len() - 1] == 0, "page {i} is not zero where nothing was written");
    }
}

/// Never 0; pages whose marks are alike are 255 pages apart.
fn mark(page: usize) -> u8 {
    (page % 255) as u8 + 1
}

/// Touches page after page from `address` on, by `touch`; each must be in memory from then on and not before.
pub fn check_lazy(address: u64, pages: usize, mut touch: impl FnMut(usize)) {
    for touched in 0..=pages {
        for page in 0..pages {
            let there = sys::frame_of(address + (page * PAGE) as u64) != 0;
            check!(there == (page < touched), "page {page} in memory: {there}, after {touched} were touched");
        }
        if touched < pages {
            touch(touched);
        }
    }
}

/// Calls `body` with `bytes` bytes of the stack that were reserved, but not touched: a compiler's own large object would be probed
/// page by page from above.
#[cfg(target_os = "none")]
pub fn with_stack(bytes: usize, body: extern "C" fn(*mut u8, usize)) {
    /// Reserves `bytes` (rdi) and calls `body` (rsi) with where they begin and how many they are.
    #[unsafe(naked)]
    extern "C" fn reserve(bytes: usize, body: extern "C" fn(*mut u8, usize)) {
        core::arch::naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "mov rax, rsi",
            "mov rsi, rdi",
            "sub rsp, rdi",
            "and rsp, -16",
            "mov rdi, rsp",
            "call rax",
            "mov rsp, rbp",
            "pop rbp",
            "ret",
        )
    }
    reserve(bytes, body);
}

/// The stack pointer, about.
#[cfg(target_os = "none")]
#[inline(always)]
pub fn stack_pointer() -> u64 {
    let pointer;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}

#[cfg(not(target_os = "none"))]
mod host {
    //! The same names, so that the programs compile on the host, where they do not run.

    const WHERE: &str = "user programs run only under Faultline";

    /// Panics.
    pub fn load(_address: u64) -> u8 {
        panic!("{WHERE}")
    }
    /// Panics.
    ///
    /// # Safety
    /// None on the host; the signature is that of the bare machine.
    pub unsafe fn store(_address: u64, _byte: u8) {
        panic!("{WHERE}")
    }
    /// Panics.
    pub fn call(_address: u64) {
        panic!("{WHERE}")
    }
    /// Panics.
    pub fn with_stack(_bytes: usize, _body: extern "C" fn(*mut u8, usize)) {
        panic!("{WHERE}")
    }
    /// Panics.
    pub fn stack_pointer() -> u64 {
        panic!("{WHERE}")
    }
}
#[cfg(not(target_os = "none"))]
pub use host::{call, load, stack_pointer, store, with_stack};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_at_a_page_and_is_taken_once() {
        static MEMORY: Memory<{ PAGE + 1 }> = Memory::new();
        assert_eq!(MEMORY.address() % PAGE as u64, 0);
        assert_eq!(MEMORY.take().as_ptr() as u64, MEMORY.address());
        assert!(std::panic::catch_unwind(|| MEMORY.take()[0]).is_err());
    }

    #[test]
    fn a_text_lies_in_two_pages() {
        let text = text_across_pages(c"sample.txt");
        assert_eq!(text, c"sample.txt");
        let (first, last) = (text.as_ptr() as usize, text.as_ptr() as usize + 9);
        assert_eq!(first / PAGE + 1, last / PAGE);
    }
}
