//! Physical memory as Rust slices, through the identity map of the first 4 GiB.
//!
//! Who may use what: the firmware's and the multiboot loader's data is only read, and never written while the
//! loader runs; the pool's memory is handed out once, as exclusive slices.

use loader::hhdm::FOUR_GIB;
use loader::memory_map::Span;

/// The bytes of `span` for reading, or `None` if it is not wholly inside the identity map (page 0 excluded).
///
/// # Safety
/// Nothing may write to `span` as long as the result is used, and reading it must have no side effect.
pub unsafe fn bytes(span: Span) -> Option<&'static [u8]> {
    let inside = !span.is_empty() && span.end.0 <= FOUR_GIB && span.start.0 > 0;
    // SAFETY: 1. Below 4 GiB everything is mapped at its own address; 2. not null, and u8 needs no alignment;
    // 3. no one writes, by the caller's promise.
    inside.then(|| unsafe { core::slice::from_raw_parts(span.start.0 as *const u8, span.len() as usize) })
}

/// The bytes of `span`, exclusively, filled with zeros.
///
/// # Safety
/// `span` must be RAM between 4 KiB and 4 GiB that no other reference covers, now and later.
pub unsafe fn zeroed(span: Span) -> &'static mut [u8] {
    let start = span.start.0 as *mut u8;
    let length = span.len() as usize;
    // SAFETY: 1. mapped at its own address; 2. exclusive, by the caller's promise; 3. initialised by the
    // first call.
    unsafe {
        core::ptr::write_bytes(start, 0, length);
        core::slice::from_raw_parts_mut(start, length)
    }
}
