//! The kernel heap: crate `talc` over one stretch of kernel frames, fixed at boot, with its use counted.

use crate::sync::{LockClass, SpinLock};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

struct Heap {
    talc: SpinLock<Talc<Manual, DefaultBinning>>,
    /// Bytes asked for and not given back. Relaxed, as all these: figures, they order nothing.
    used: AtomicU64,
    /// Bytes that this takes of the heap, by [`taken_by`].
    taken: AtomicU64,
    /// Bytes set aside by [`promise`].
    promised: AtomicU64,
    /// Bytes that may be promised in all; set once.
    limit: AtomicU64,
}

#[global_allocator]
static HEAP: Heap = Heap {
    talc: SpinLock::of(LockClass::Heap, Talc::new(Manual)),
    used: AtomicU64::new(0),
    taken: AtomicU64::new(0),
    promised: AtomicU64::new(0),
    limit: AtomicU64::new(0),
};

/// The part of the heap that is promised to nobody: one over this. It also covers what scattered small blocks make unusable.
pub const RESERVE_SHARE: u64 = 8;

/// Gives the heap its memory. Call once.
///
/// # Safety
///
/// `memory` must be writable, used by nobody else, for ever.
pub unsafe fn init(memory: *mut [u8]) {
    // SAFETY: by this function's contract.
    let claimed = unsafe { HEAP.talc.lock().claim(memory.cast(), memory.len()) };
    assert!(claimed.is_some(), "the heap is large enough to be managed");
    let bytes = memory.len() as u64;
    HEAP.limit.store(bytes - bytes / RESERVE_SHARE, Relaxed);
}

/// Bytes in use.
pub fn used() -> u64 {
    HEAP.used.load(Relaxed)
}

/// What a block of `size` bytes takes of the heap: `talc` adds a word and rounds up to chunks of 32 bytes.
pub const fn taken_by(size: usize) -> usize {
    (size + size_of::<usize>()).next_multiple_of(32)
}

/// Whether `bytes` more fit beside what is taken and promised, outside the reserve.
#[inline]
pub(super) fn has_room(bytes: u64) -> bool {
    HEAP.taken.load(Relaxed) + HEAP.promised.load(Relaxed) + bytes <= HEAP.limit.load(Relaxed)
}

/// Sets `bytes` aside, if they fit. [`keep_promise`] ends it.
pub(super) fn promise(bytes: u64) -> bool {
    // Added first and looked at second: two who promise at once may both be refused, but never both be granted the last room.
    HEAP.promised.fetch_add(bytes, Relaxed);
    let fits = has_room(0);
    if !fits {
        keep_promise(bytes);
    }
    fits
}

/// The bytes of a [`promise`] have been allocated, or are not needed any more.
pub(super) fn keep_promise(bytes: u64) {
    HEAP.promised.fetch_sub(bytes, Relaxed);
}

// SAFETY: `talc` hands out disjoint blocks of the claimed memory as the layouts ask, under the lock. A null answer when it is
// full is part of the contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises a layout of non-zero size.
        match unsafe { self.talc.lock().allocate(layout) } {
            Some(block) => {
                self.used.fetch_add(layout.size() as u64, Relaxed);
                self.taken.fetch_add(taken_by(layout.size()) as u64, Relaxed);
                block.as_ptr()
            }
            None => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        self.used.fetch_sub(layout.size() as u64, Relaxed);
        self.taken.fetch_sub(taken_by(layout.size()) as u64, Relaxed);
        // SAFETY: the caller promises that `alloc` returned this block for this layout.
        unsafe { self.talc.lock().deallocate(block.as_ptr(), layout) };
    }
}
