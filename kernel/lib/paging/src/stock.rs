//! [`TableStock`]: table frames taken beforehand, so that mapping under a lock allocates nothing.

use crate::TableMemory;
use fl_addr::Pfn;

/// At most [`TableStock::CAPACITY`] zeroed table frames. Owns them: put back what is left by [`take`](Self::take).
///
/// Lifecycle: filled without a lock (that may sleep) with as many frames as [`missing_tables`](crate::missing_tables) said,
/// handed to [`map_with`](crate::map_with) under the page-table lock, emptied by its owner afterwards.
/// There is no destructor, because giving back needs the memory: a stock that is dropped full leaks its frames.
#[derive(Default, Debug)]
#[must_use = "frames left in a stock must be given back"]
pub struct TableStock {
    frames: [Option<Pfn>; Self::CAPACITY],
}

impl TableStock {
    /// Tables that one 4-KiB mapping can need: all levels but the root.
    pub const CAPACITY: usize = 3;

    /// A stock of nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { frames: [None; Self::CAPACITY] }
    }

    /// Adds a zeroed frame.
    ///
    /// # Errors
    /// The stock is full; the frame comes back.
    #[inline]
    pub fn put(&mut self, frame: Pfn) -> Result<(), Pfn> {
        match self.frames.iter_mut().find(|f| f.is_none()) {
            Some(free) => {
                *free = Some(frame);
                Ok(())
            }
            None => Err(frame),
        }
    }

    /// Takes one frame out.
    #[inline]
    pub fn take(&mut self) -> Option<Pfn> {
        self.frames.iter_mut().find_map(Option::take)
    }

    /// Fills it up to `n` (at most [`CAPACITY`](Self::CAPACITY)) frames from `mem`. False if there was no memory for all of them.
    pub fn fill<M: TableMemory + ?Sized>(&mut self, mem: &mut M, n: usize) -> bool {
        while self.len() < n {
            let Some(frame) = mem.alloc_table() else {
                return false;
            };
            if let Err(frame) = self.put(frame) {
                mem.free_table(frame);
                return false;
            }
        }
        true
    }

    /// Gives all frames back to `mem`.
    pub fn give_back<M: TableMemory + ?Sized>(&mut self, mem: &mut M) {
        while let Some(frame) = self.take() {
            mem.free_table(frame);
        }
    }

    /// How many frames are in it.
    #[inline]
    pub fn len(&self) -> usize {
        self.frames.iter().flatten().count()
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
