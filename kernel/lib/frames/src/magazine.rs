//! A small stack of free frames: a [`Magazine`] that one CPU keeps at hand, or the [`Stock`] of those that are zeroed.

use crate::policy::{MAGAZINE_CAPACITY, STOCK_CAPACITY};
use fl_addr::Pfn;

/// The few free frames that one CPU keeps at hand.
pub(crate) type Magazine = Stack<MAGAZINE_CAPACITY>;
/// Free frames that are filled with zeroes already.
pub(crate) type Stock = Stack<STOCK_CAPACITY>;

/// A small stack of free frames. Guarded by its own lock in [`crate::FrameCache`].
pub(crate) struct Stack<const CAPACITY: usize> {
    len: u16,
    /// The most frames it may hold: 0..=`CAPACITY`, 0 before the cache has its frames.
    limit: u16,
    /// `frames[..len]` are free frames, the newest last; the rest has no meaning.
    frames: [Pfn; CAPACITY],
}

impl<const CAPACITY: usize> Stack<CAPACITY> {
    const SHAPE: () = assert!(CAPACITY <= u16::MAX as usize, "lengths are counted in 16 bits");

    pub(crate) const fn new() -> Self {
        let () = Self::SHAPE;
        Self { len: 0, limit: 0, frames: [Pfn(0); CAPACITY] }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Sets how many frames it may hold from now on; does not move any.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        debug_assert!(limit <= CAPACITY);
        self.limit = limit as u16;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Pfn> {
        self.len = self.len.checked_sub(1)?;
        Some(self.frames[self.len as usize])
    }

    /// Adds a frame if the limit allows.
    #[inline]
    pub(crate) fn push(&mut self, pfn: Pfn) -> bool {
        if self.len >= self.limit {
            return false;
        }
        self.frames[self.len as usize] = pfn;
        self.len += 1;
        true
    }

    /// Adds frames if the limit allows all of them.
    pub(crate) fn extend(&mut self, frames: &[Pfn]) -> bool {
        if frames.len() > self.limit().saturating_sub(self.len()) {
            return false;
        }
        let len = self.len();
        self.frames[len..][..frames.len()].copy_from_slice(frames);
        self.len += frames.len() as u16;
        true
    }

    /// Gives all but the `keep` newest frames, whose memory may still be in the CPU's cache, to `to`; returns how many.
    pub(crate) fn drain(&mut self, keep: usize, to: impl FnOnce(&[Pfn])) -> usize {
        let n = self.len().saturating_sub(keep);
        to(&self.frames[..n]);
        self.frames.copy_within(n..self.len as usize, 0);
        self.len -= n as u16;
        n
    }
}
