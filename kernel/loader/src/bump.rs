//! A bump allocator over one span of physical addresses: arithmetic only, the memory is `machine::pool`'s.

use crate::error::LoadError;
use crate::memory_map::Span;
use fl_addr::PhysAddr;

/// Owns a span and gives it out from the bottom; nothing is ever given back.
#[derive(Clone, Copy, Debug)]
pub struct Bump {
    next: PhysAddr,
    end: PhysAddr,
}

impl Bump {
    /// All of `span` is free.
    pub const fn new(span: Span) -> Self {
        Self { next: span.start, end: span.end }
    }

    /// `size` bytes at a multiple of `align` (a power of two), disjoint from everything taken before.
    ///
    /// # Errors
    /// [`LoadError::OutOfMemory`] if they do not fit; nothing is taken then.
    pub fn take(&mut self, size: u64, align: u64) -> Result<Span, LoadError> {
        debug_assert!(align.is_power_of_two());
        let full = LoadError::OutOfMemory { needed: size };
        let start = self.next.0.checked_next_multiple_of(align).ok_or(full)?;
        let end = start.checked_add(size).filter(|&end| end <= self.end.0).ok_or(full)?;
        self.next = PhysAddr(end);
        Ok(Span::new(start, end))
    }

    /// Where the next piece would begin, before alignment: everything below has been given out.
    pub const fn position(&self) -> PhysAddr {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_that_does_not_fit_takes_nothing() {
        let mut bump = Bump::new(Span::new(0x1000, 0x3000));
        assert_eq!(bump.take(0x2001, 1), Err(LoadError::OutOfMemory { needed: 0x2001 }));
        assert_eq!(bump.take(u64::MAX, 0x1000), Err(LoadError::OutOfMemory { needed: u64::MAX }));
        assert_eq!(bump.take(0x2000, 1), Ok(Span::new(0x1000, 0x3000)));
        assert_eq!(bump.take(1, 1), Err(LoadError::OutOfMemory { needed: 1 }));
    }

    proptest! {
        #[test]
        fn pieces_are_aligned_disjoint_and_inside(
            start in 0u64..0x1_0000, len in 0u64..0x10_0000, takes in prop::collection::vec((0u64..0x8000, 0u32..14), 0..60),
        ) {
            let all = Span::new(start, start + len);
            let mut bump = Bump::new(all);
            let mut last = all.start;
            for (size, shift) in takes {
                let Ok(piece) = bump.take(size, 1 << shift) else { continue };
                prop_assert_eq!((piece.len(), piece.start.0 % (1 << shift)), (size, 0));
                prop_assert!(piece.start >= last && all.contains(piece));
                last = piece.end;
            }
            prop_assert_eq!(bump.position(), last);
        }
    }
}
