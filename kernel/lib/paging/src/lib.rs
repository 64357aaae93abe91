//! x86-64 page tables: entries ([`Pte`]) and operations on trees of them, over memory that a [`TableMemory`] shows.
//!
//! The kernel implements [`TableMemory`] on its direct map, the tests on an arena. Four-level paging with 4-KiB leaves; 2-MiB
//! and 1-GiB leaves are made only by [`map_range`] and never split: operations on a page inside one leave it alone and say so.
//! Source: Intel SDM vol. 3A, 4.5 (4-level paging), 4.8 (accessed and dirty flags), 4.10 (what the TLB may hold).
//!
//! Lock: operations that change entries need the tree's page-table lock (rank 7), but for [`map_in`], which fills an empty one; the hardware sets accessed and
//! dirty bits at any time regardless, therefore entries change by atomic read-modify-write only. Nothing here flushes a TLB: the caller does.
#![no_std]
#![forbid(unsafe_code)]

mod change;
mod free;
mod map;
mod map_range;
mod memory;
mod pte;
mod read;
mod stock;
mod walk;

pub use change::{
    allow_write, clear_accessed, mark, protect, take_accessed, unmap, unmap_in, write_protect_in,
};
pub use fl_model::AtomicU64;
pub use free::{Freed, free_lower_half};
pub use map::{MapError, leaf_table, map, map_in, map_with, missing_tables, replace_in};
pub use map_range::{PageSize, RangeError, map_range};
pub use memory::TableMemory;
pub use pte::{Pte, PteFlags};
pub use read::{for_each_present, lookup, translate};
pub use stock::TableStock;

/// Entries in a table at every level.
pub const ENTRIES: usize = 512;
/// Index of the first PML4 entry of the upper (kernel) half; those below belong to the user half.
pub const UPPER_HALF: usize = ENTRIES / 2;
/// Level of the root table (PML4). Level 1 is the page table, whose entries map 4-KiB pages.
pub const ROOT_LEVEL: u8 = 4;
