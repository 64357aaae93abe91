//! The kernel heap: crate `talc` over one stretch of kernel frames, fixed at boot, with its use counted; in front of it slabs for small blocks, each for
//! one size.

use crate::sync::{LockClass, SpinLock};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_slab::{CHUNK, Slab, UNIT, WORD};
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

struct Heap {
    talc: SpinLock<Talc<Manual, DefaultBinning>>,
    /// Blocks that take up to [`SMALL`] bytes: number `n` has those of `n + 1` units. Rank 8, each a leaf.
    slabs: [SpinLock<Slab>; SIZES],
    /// Bytes asked for and not given back. Relaxed, as all these: figures, they order nothing.
    used: AtomicU64,
    /// Bytes that this takes of the heap, by [`taken_by`]; of small blocks those of their slabs' chunks.
    taken: AtomicU64,
    /// Bytes set aside by [`promise`].
    promised: AtomicU64,
    /// Bytes that may be promised in all; set once.
    limit: AtomicU64,
}

/// Blocks that take more are `talc`'s own. Of the largest a slab has seven in a chunk.
const SMALL: usize = 544;
/// Sizes of small blocks.
const SIZES: usize = SMALL / UNIT;

#[global_allocator]
static HEAP: Heap = Heap {
    talc: SpinLock::new(LockClass::Heap, Talc::new(Manual)),
    slabs: {
        let mut slabs = [const { SpinLock::new(LockClass::Slab, Slab::new(UNIT)) }; SIZES];
        let mut n = 0;
        while n < SIZES {
            slabs[n] = SpinLock::new(LockClass::Slab, Slab::new((n + 1) * UNIT));
            n += 1;
        }
        slabs
    },
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

/// What a block of `size` bytes takes of the heap: `talc` and slabs alike add a word and round up to units of 32 bytes. That a slab takes a chunk of 4 KiB
/// for the first of its blocks is what the reserve is for, too.
pub const fn taken_by(size: usize) -> usize {
    (size + WORD).next_multiple_of(UNIT)
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

impl Heap {
    /// The slab for such blocks. `None`: they are not small.
    #[inline]
    fn slab(&self, layout: Layout) -> Option<&SpinLock<Slab>> {
        let taken = taken_by(layout.size());
        if taken <= SMALL && layout.align() <= UNIT { self.slabs.get(taken / UNIT - 1) } else { None }
    }

    /// A block of a slab whose chunks are full: it gets another.
    #[cold]
    fn of_new_chunk(&self, slab: &SpinLock<Slab>) -> Option<NonNull<u8>> {
        let chunk = self.block(CHUNK_LAYOUT)?;
        let mut slab = slab.lock();
        // SAFETY: a new block of this size and alignment.
        unsafe { slab.add(chunk) };
        slab.take()
    }

    /// A block of `talc`'s.
    fn block(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: layouts that get here have a size: that of a chunk, or one that is not small.
        let block = unsafe { self.talc.lock().allocate(layout) }?;
        self.taken.fetch_add(taken_by(layout.size()) as u64, Relaxed);
        Some(block)
    }

    /// Gives a block of `talc`'s back.
    ///
    /// # Safety
    ///
    /// `block` gave it for this layout, and nobody uses it any more.
    unsafe fn give_back(&self, block: NonNull<u8>, layout: Layout) {
        self.taken.fetch_sub(taken_by(layout.size()) as u64, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { self.talc.lock().deallocate(block.as_ptr(), layout) };
    }
}

/// A chunk of a slab.
const CHUNK_LAYOUT: Layout = match Layout::from_size_align(CHUNK, UNIT) {
    Ok(layout) => layout,
    Err(_) => panic!("a chunk is small and its alignment a power of two"),
};

// SAFETY: `talc` hands out disjoint blocks of the claimed memory as the layouts ask, under its lock, and slabs disjoint pieces of such blocks, aligned to
// 32, under theirs; which of the two a block is from its layout tells. A null answer when it is full is part of the contract.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = match self.slab(layout) {
            Some(slab) => {
                let object = slab.lock().take();
                object.or_else(|| self.of_new_chunk(slab))
            }
            None => self.block(layout),
        };
        let Some(block) = block else { return core::ptr::null_mut() };
        self.used.fetch_add(layout.size() as u64, Relaxed);
        block.as_ptr()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        self.used.fetch_sub(layout.size() as u64, Relaxed);
        match self.slab(layout) {
            Some(slab) => {
                // SAFETY: the caller promises that `alloc` returned this block for this layout, so it is from this slab.
                let empty = unsafe { slab.lock().give_back(block) };
                if let Some(chunk) = empty {
                    // SAFETY: `of_new_chunk` took it.
                    unsafe { self.give_back(chunk, CHUNK_LAYOUT) };
                }
            }
            // SAFETY: as above, from `talc`.
            None => unsafe { self.give_back(block, layout) },
        }
    }
}
