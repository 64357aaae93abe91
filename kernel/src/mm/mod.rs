//! Memory: the kernel's own address space, frames, heap, kernel stacks, and the page tables of user spaces.
//!
//! [`init`] turns the bootloader's memory map into budgets: what boot needs first, then kernel frames, then user frames.

mod boot_map;
pub mod budget;
mod early;
pub mod flush_batch;
pub mod frames;
pub mod heap;
pub mod layout;
pub mod leaves;
pub mod mmio;
pub mod page_table;
pub mod shootdown;
mod stack_depth;
pub mod stacks;
pub mod unmap_batch;

pub use boot_map::init;
pub use layout::Budget;
