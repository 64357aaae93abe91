//! The kernel heap: crate `talc` over one stretch of kernel frames, fixed at boot, with its use counted; in front of it slabs for small blocks, one for
//! each size and CPU.
//!
//! A CPU takes small blocks from slabs of its own, so that those which fault at the same time neither wait for each other nor write the same lines. A
//! block goes back to the slab that it is from, whoever lets go of it; only when the heap is full are others' slabs looked into.

use crate::arch::MAX_CPUS;
use crate::arch::interrupts::IrqOff;
use crate::percpu::{self, PerCpu};
use crate::sync::{LockClass, SpinLock};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crossbeam_utils::CachePadded;
use fl_slab::{CHUNK, Slab, UNIT, WORD, owner_of};
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

struct Heap {
    talc: SpinLock<Talc<Manual, DefaultBinning>>,
    /// Each CPU's blocks that take up to [`SMALL`] bytes: number `n` has those of `n + 1` units.
    slabs: PerCpu<[Small; SIZES]>,
    /// Bytes asked of `talc` for blocks that are not small, and not given back. Relaxed, as all these: figures, they order nothing.
    used: AtomicU64,
    /// Bytes that this takes of the heap, by [`taken_by`]; of small blocks those of their slabs' chunks.
    taken: AtomicU64,
    /// Bytes set aside by [`promise`].
    promised: AtomicU64,
    /// Bytes that may be promised in all; set once.
    limit: AtomicU64,
    /// Bytes in all; set once.
    size: AtomicU64,
}

/// Blocks of one size on one CPU.
struct Small {
    /// Rank 8, a leaf.
    slab: SpinLock<Slab>,
    /// Bytes asked for and not given back. Written under the lock.
    used: AtomicU64,
}

/// The slabs of a CPU.
const fn slabs() -> [Small; SIZES] {
    let mut slabs = [const { Small::new(UNIT) }; SIZES];
    let mut n = 0;
    while n < SIZES {
        slabs[n] = Small::new((n + 1) * UNIT);
        n += 1;
    }
    slabs
}

/// Blocks that take more are `talc`'s own. Of the largest a slab has seven in a chunk.
const SMALL: usize = 544;
/// Sizes of small blocks.
const SIZES: usize = SMALL / UNIT;

#[global_allocator]
static HEAP: Heap = Heap {
    talc: SpinLock::new(LockClass::Heap, Talc::new(Manual)),
    slabs: PerCpu::new([const { CachePadded::new(slabs()) }; MAX_CPUS]),
    used: AtomicU64::new(0),
    taken: AtomicU64::new(0),
    promised: AtomicU64::new(0),
    limit: AtomicU64::new(0),
    size: AtomicU64::new(0),
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
    HEAP.size.store(bytes, Relaxed);
    HEAP.limit.store(bytes - bytes / RESERVE_SHARE, Relaxed);
}

/// Bytes in all.
pub fn size() -> u64 {
    HEAP.size.load(Relaxed)
}

/// Bytes in use.
pub fn used() -> u64 {
    let small = percpu::online().flat_map(|cpu| HEAP.slabs.of(cpu)).map(|small| small.used.load(Relaxed));
    HEAP.used.load(Relaxed) + small.sum::<u64>()
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

impl Small {
    const fn new(stride: usize) -> Self {
        Self { slab: SpinLock::new(LockClass::Slab, Slab::new(stride)), used: AtomicU64::new(0) }
    }

    /// A block for `size` bytes, if there is one.
    #[inline]
    fn take(&self, irq: &IrqOff, size: usize) -> Option<NonNull<u8>> {
        self.take_from(&mut self.slab.lock_with(irq), size)
    }

    /// Gets a chunk, and gives of it a block for `size` bytes: under one lock, for others that are out of memory take from this slab too.
    fn take_of(&'static self, irq: &IrqOff, chunk: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
        let mut slab = self.slab.lock_with(irq);
        // SAFETY: the caller has it from `talc`, of the right size and alignment, and does not use it.
        unsafe { slab.add(chunk, core::ptr::from_ref(self).cast()) };
        self.take_from(&mut slab, size)
    }

    #[inline]
    fn take_from(&self, slab: &mut Slab, size: usize) -> Option<NonNull<u8>> {
        let block = slab.take()?;
        self.used.store(self.used.load(Relaxed) + size as u64, Relaxed);
        Some(block)
    }

    /// Takes a block back that had `size` bytes. The answer is a chunk that is empty now.
    ///
    /// # Safety
    ///
    /// `take` of this slab gave it, for that size, and nobody uses it any more.
    #[inline]
    unsafe fn give_back(&self, irq: &IrqOff, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
        let mut slab = self.slab.lock_with(irq);
        self.used.store(self.used.load(Relaxed) - size as u64, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { slab.give_back(block) }
    }
}

impl Heap {
    /// Whether slabs have such blocks.
    #[inline]
    const fn is_small(layout: Layout) -> bool {
        layout.size() <= SMALL - WORD && layout.align() <= UNIT
    }

    /// Which of a CPU's slabs has such blocks. `None`: they are not small.
    #[inline]
    const fn small(layout: Layout) -> Option<usize> {
        if Self::is_small(layout) { Some(taken_by(layout.size()) / UNIT - 1) } else { None }
    }

    /// A block that this CPU's slabs do not have: a small one of a new chunk or of another CPU's slab, or one that is not small.
    #[inline(never)]
    fn beyond(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(small) = Self::small(layout) else {
            let block = self.block(layout)?;
            self.used.fetch_add(layout.size() as u64, Relaxed);
            return Some(block);
        };
        let irq = IrqOff::new();
        match self.block(CHUNK_LAYOUT) {
            Some(chunk) => HEAP.slabs.this(&irq)[small].take_of(&irq, chunk, layout.size()),
            None => percpu::online().find_map(|cpu| self.slabs.of(cpu)[small].take(&irq, layout.size())),
        }
    }

    /// Gives a block back that is not small.
    ///
    /// # Safety
    ///
    /// `beyond` gave it for this layout, and nobody uses it any more.
    #[inline(never)]
    unsafe fn give_back_large(&self, block: NonNull<u8>, layout: Layout) {
        self.used.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { self.give_back(block, layout) };
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
    #[inline(never)]
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
        if let Some(small) = Self::small(layout) {
            let irq = IrqOff::new();
            if let Some(block) = self.slabs.this(&irq)[small].take(&irq, layout.size()) {
                return block.as_ptr();
            }
        }
        self.beyond(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        match Self::is_small(layout) {
            true => {
                // SAFETY: the caller promises that `alloc` returned this block for this layout, so it is from a slab of that size, and in use. Its chunk was
                // given to that slab with a reference to a `Small`, which is static.
                let small = unsafe { &*owner_of(block).cast::<Small>() };
                // SAFETY: as above.
                let empty = unsafe { small.give_back(&IrqOff::new(), block, layout.size()) };
                if let Some(chunk) = empty {
                    // SAFETY: `beyond` took it.
                    unsafe { self.give_back(chunk, CHUNK_LAYOUT) };
                }
            }
            // SAFETY: as above, from `beyond`.
            false => unsafe { self.give_back_large(block, layout) },
        }
    }
}
