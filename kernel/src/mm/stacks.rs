//! Kernel stacks: 16 KiB each, in a region of their own, with an unmapped guard page below each.
//!
//! An overflow hits the guard page; the processor then cannot push the fault's frame, and the double fault arrives on its own
//! stack, where it can be told.

use super::frames::Frame;
use super::layout::STACKS;
use super::page_table;
use crate::sync::SpinLock;
use fl_addr::{PAGE_SIZE, VirtAddr, Vpn};

/// Pages of a stack, each a kernel frame.
pub const PAGES: u64 = 4;
/// Pages of address space per stack: the stack and its guard.
const STRIDE: u64 = 8;
/// Most stacks, that is threads.
pub const STACKS_MAX: usize = 1024;

/// Bytes of address space for all of them.
pub(super) const REGION: u64 = STACKS_MAX as u64 * STRIDE * PAGE_SIZE as u64;

/// Which places are taken, one bit each.
static TAKEN: SpinLock<[u64; STACKS_MAX / 64]> = SpinLock::new([0; STACKS_MAX / 64]);

/// A kernel stack. Owns its place and its frames.
pub struct KernelStack {
    place: usize,
    mapped: u64,
}

impl KernelStack {
    /// A new stack of frames from `take`, content undefined. `None`: no place, or `take` had none.
    pub fn new(mut take: impl FnMut() -> Option<Frame>) -> Option<Self> {
        let place = {
            let mut taken = TAKEN.lock();
            let word = taken.iter().position(|w| *w != u64::MAX)?;
            let bit = taken[word].trailing_ones() as usize;
            taken[word] |= 1 << bit;
            word * 64 + bit
        };
        let mut stack = Self { place, mapped: 0 }; // from here on dropping it undoes everything
        while stack.mapped < PAGES {
            let frame = take()?;
            page_table::map_kernel(stack.page(stack.mapped), frame).ok()?;
            stack.mapped += 1;
        }
        Some(stack)
    }

    fn page(&self, n: u64) -> Vpn {
        STACKS.vpn() + (self.place as u64 * STRIDE + (STRIDE - PAGES) + n)
    }

    /// One past its highest byte, aligned to a page.
    pub fn top(&self) -> u64 {
        (self.page(0) + PAGES).start().0
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        for n in 0..self.mapped {
            page_table::unmap_kernel(self.page(n));
        }
        TAKEN.lock()[self.place / 64] &= !(1 << (self.place % 64));
    }
}

/// Whether `va` lies in a guard page: then an access to it was a stack overflow.
pub fn is_guard(va: VirtAddr) -> bool {
    let Some(offset) = va.0.checked_sub(STACKS.0) else { return false };
    let page = offset / PAGE_SIZE as u64;
    page < STACKS_MAX as u64 * STRIDE && page % STRIDE < STRIDE - PAGES
}
