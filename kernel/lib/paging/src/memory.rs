//! [`TableMemory`]: how this crate reaches page tables, wherever they lie.

use fl_addr::Pfn;
use fl_model::AtomicU64;

/// The memory in which page tables live.
///
/// The kernel's implementation reads frames through its direct map and takes table frames from the kernel's frame budget.
pub trait TableMemory {
    /// Entry `index` (0..512) of the table in frame `table`, which is a root or was returned by [`alloc_table`](Self::alloc_table).
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64;

    /// A frame for a new table, all entries zero; `None` if there is no memory. Must not sleep when called under a lock.
    fn alloc_table(&mut self) -> Option<Pfn>;

    /// Takes back the frame of a table. No entry refers to it any more; the caller made sure that no CPU's walk can reach it.
    fn free_table(&mut self, table: Pfn);
}
