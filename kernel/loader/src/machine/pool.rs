//! The memory the loader gives out: the largest free stretch of RAM below 4 GiB, from its bottom.
//!
//! [`Pool`] owns that stretch; what it hands out is zeroed, exclusive and lives until the kernel reclaims it.
//! What remains above [`Pool::taken`] stays usable for the kernel.

use super::memory;
use super::multiboot::Given;
use fl_addr::{PAGE_SIZE, PhysAddr, VirtAddr};
use loader::bump::Bump;
use loader::error::LoadError;
use loader::hhdm::{self, FOUR_GIB};
use loader::memory_map::Span;
use loader::protocol::Answer;

/// Below this lies what the firmware and the trampoline use.
const ONE_MIB: u64 = 1 << 20;

/// A bump allocator with the memory behind it.
pub struct Pool {
    start: PhysAddr,
    bump: Bump,
}

impl Pool {
    /// Takes the largest hole that nothing in `given` occupies. To be called once.
    ///
    /// # Errors
    /// [`LoadError::MemoryMapFull`]. A machine without a hole gives an empty pool, which runs out at its
    /// first use.
    pub fn claim(given: &Given) -> Result<Self, LoadError> {
        let hole = given.memory.largest_hole(Span::new(ONE_MIB, FOUR_GIB), &given.occupied)?;
        Ok(Self { start: hole.start, bump: Bump::new(hole) })
    }

    /// `size` zeroed bytes at a multiple of `align`, and where they are.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn take(&mut self, size: u64, align: u64) -> Result<(Span, &'static mut [u8]), LoadError> {
        let span = self.bump.take(size, align)?;
        // SAFETY: 1. the hole is free RAM between 1 MiB and 4 GiB, disjoint from the loader and from all that
        // is read; 2. the bump allocator gives every byte out once, and there is one pool.
        Ok((span, unsafe { memory::zeroed(span) }))
    }

    /// One zeroed page, as a page table.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn page(&mut self) -> Result<PhysAddr, LoadError> {
        Ok(self.take(PAGE_SIZE as u64, PAGE_SIZE as u64)?.0.start)
    }

    /// A stack of `size` bytes; returns its top in the direct map, 16-aligned.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn stack(&mut self, size: u64) -> Result<VirtAddr, LoadError> {
        Ok(hhdm::alias(self.take(size, PAGE_SIZE as u64)?.0.end))
    }

    /// Writes `value` for the kernel; returns its direct map address.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn put<T: Answer>(&mut self, value: T) -> Result<VirtAddr, LoadError> {
        self.put_n(value, 1).map(|(addr, _)| addr)
    }

    /// Writes an array of `count` equal values for the kernel; returns its direct map address and the array
    /// itself.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn put_n<T: Answer>(
        &mut self,
        value: T,
        count: usize,
    ) -> Result<(VirtAddr, &'static mut [T]), LoadError> {
        let size = (count as u64).saturating_mul(size_of::<T>() as u64);
        let (span, bytes) = self.take(size, align_of::<T>() as u64)?;
        let start = bytes.as_mut_ptr().cast::<T>();
        // SAFETY: 1. exclusive memory of the right size and alignment, and `bytes` is not used again; 2.
        // every element is written before the slice is made; 3. T is Copy, so nothing is dropped.
        let array = unsafe {
            for i in 0..count {
                start.add(i).write(value);
            }
            core::slice::from_raw_parts_mut(start, count)
        };
        Ok((hhdm::alias(span.start), array))
    }

    /// Writes a text for the kernel and ends it with NUL; returns its direct map address.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`].
    pub fn put_text(&mut self, text: &[u8]) -> Result<VirtAddr, LoadError> {
        let (span, bytes) = self.take(text.len() as u64 + 1, 1)?;
        bytes[..text.len()].copy_from_slice(text);
        Ok(hhdm::alias(span.start))
    }

    /// All that has been given out, in whole pages.
    pub fn taken(&self) -> Span {
        Span { start: self.start, end: self.bump.position() }.pages_outward()
    }
}
