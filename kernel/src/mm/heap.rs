//! The kernel heap: crate `talc` over one stretch of kernel frames, fixed at boot, with its use counted.

use crate::sync::SpinLock;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

struct Heap {
    talc: SpinLock<Talc<Manual, DefaultBinning>>,
    /// Bytes asked for and not given back. Relaxed: a figure, it orders nothing.
    used: AtomicU64,
}

#[global_allocator]
static HEAP: Heap = Heap { talc: SpinLock::new(Talc::new(Manual)), used: AtomicU64::new(0) };

/// Gives the heap its memory. Call once.
///
/// # Safety
///
/// `memory` must be writable, used by nobody else, for ever.
pub unsafe fn init(memory: *mut [u8]) {
    // SAFETY: by this function's contract.
    let claimed = unsafe { HEAP.talc.lock().claim(memory.cast(), memory.len()) };
    assert!(claimed.is_some(), "the heap is large enough to be managed");
}

/// Bytes in use.
pub fn used() -> u64 {
    HEAP.used.load(Relaxed)
}

// SAFETY: `talc` hands out disjoint blocks of the claimed memory as the layouts ask, under the lock. A null answer when it is
// full is part of the contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises a layout of non-zero size.
        match unsafe { self.talc.lock().allocate(layout) } {
            Some(block) => {
                self.used.fetch_add(layout.size() as u64, Relaxed);
                block.as_ptr()
            }
            None => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        self.used.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: the caller promises that `alloc` returned this block for this layout.
        unsafe { self.talc.lock().deallocate(block.as_ptr(), layout) };
    }
}
