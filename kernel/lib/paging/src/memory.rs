//! [`TableMemory`]: how this crate reaches page tables, wherever they lie.

use crate::Pte;
use fl_addr::Pfn;
use fl_model::{AtomicU64, Ordering};

/// The memory in which page tables live.
///
/// The kernel's implementation reads frames through its direct map and takes table frames from the kernel's frame budget.
pub trait TableMemory {
    /// Entry `index` (0..512) of the table in frame `table`, which is a root or was returned by [`alloc_table`](Self::alloc_table).
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64;

    /// The first entry of `table` from `from` on, below `to`, that is not empty. Looks at a table that nobody changes.
    fn next_used(&self, table: Pfn, from: usize, to: usize) -> Option<usize> {
        (from..to).find(|&index| self.entry(table, index).load(Ordering::Relaxed) != Pte::EMPTY.0)
    }

    /// A frame for a new table, all entries zero; `None` if there is no memory. Must not sleep when called under a lock.
    fn alloc_table(&mut self) -> Option<Pfn>;

    /// Takes back the frame of a table. No entry refers to it any more; the caller made sure that no CPU's walk can reach it.
    fn free_table(&mut self, table: Pfn);
}
