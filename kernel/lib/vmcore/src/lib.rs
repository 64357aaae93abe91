//! The policy of virtual memory, without hardware: what a page may do next, what an address means, what a fault needs.
//!
//! Key types: [`PageState`] (one logical page's life), [`Spt`] (which pages a process has), [`Regions`] (which addresses may become
//! pages; [`mmap`] for those a program asks for), [`may_grow`] (the stack rule), [`classify`] (all of these in one answer for
//! the fault path), [`on_write_fault`] (the copy-on-write rule), [`Sharers`] (who refers to a page), [`PinBudget`] (how much
//! may be pinned). Pure: no locks, no I/O, no clock; the kernel's `vm`
//! wraps them in its locks. Memory is allocated fallibly only. Loom, property tests and the kernel compile these same files.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
mod allows;
mod blocks;
mod classify;
mod cow;
mod hash;
mod index;
pub mod mmap;
pub mod page;
mod pin_budget;
mod range;
mod regions;
mod sharers;
mod spt;
mod stack;

pub use allows::allows;
pub use blocks::FreePlace;
pub use classify::{Access, Bad, Decision, Source, classify};
pub use cow::{WriteFault, may_need_copy, on_write_fault};
pub use index::{Index, InsertError, Place};
pub use mmap::{MmapError, MmapRequest, bytes_in_page};
pub use page::evict::Verdict;
pub use page::pin::{Redeemed, Ticket};
pub use page::share::Remains;
pub use page::{Home, Kind, PageState, Refused, State};
pub use pin_budget::{PIN_CHUNK, PinBudget};
pub use range::PageRange;
pub use regions::{Mapping, Region, RegionError, RegionKind, Regions};
pub use sharers::{NoMemory, NoRoom, Room, Sharers};
pub use spt::{Entry, Prot, Spt};
pub use stack::may_grow;
