//! The pool: all free frames that lie in no magazine, a stack in storage lent by the caller.

use fl_addr::Pfn;

/// A stack of free frames. Owns its storage; guarded by the pool lock of [`crate::FrameCache`].
pub(crate) struct Pool {
    /// `stack[..len]` are the free frames; the rest has no meaning.
    stack: &'static mut [Pfn],
    len: usize,
    /// CPUs that share the pool, for the size of refills.
    pub(crate) cpus: usize,
    /// Moves so far, wrapping.
    moves: u32,
}

impl Pool {
    /// A pool without storage, hence always empty.
    pub(crate) const fn new() -> Self {
        Self { stack: &mut [], len: 0, cpus: 1, moves: 0 }
    }

    /// Takes `stack`, of which the first `len` entries are free frames; `None` if the pool has storage already.
    pub(crate) fn set_storage(&mut self, stack: &'static mut [Pfn], len: usize) -> Option<()> {
        if !self.stack.is_empty() {
            return None;
        }
        (self.stack, self.len) = (stack, len);
        Some(())
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Counts a move, and gives its number.
    pub(crate) fn next_move(&mut self) -> u32 {
        self.moves = self.moves.wrapping_add(1);
        self.moves
    }

    pub(crate) fn pop(&mut self) -> Option<Pfn> {
        self.len = self.len.checked_sub(1)?;
        Some(self.stack[self.len])
    }

    /// Takes the `n` newest frames, which must be there.
    pub(crate) fn take(&mut self, n: usize) -> &[Pfn] {
        self.len -= n;
        &self.stack[self.len..][..n]
    }

    /// Adds frames. Panics if there are more than the storage holds: then a frame was freed that never came from here.
    pub(crate) fn put(&mut self, frames: &[Pfn]) {
        self.stack[self.len..][..frames.len()].copy_from_slice(frames);
        self.len += frames.len();
    }
}
