//! The policy of virtual memory, without hardware: what a page may do next, what an address means, what a fault needs.
//!
//! Key types: [`PageState`] (one logical page's life), [`Spt`] (which pages a process has), [`Regions`] (which addresses may become
//! pages), [`may_grow`] (the stack rule), [`classify`] (all of these in one answer for the fault path). Pure: no locks, no I/O, no clock; the kernel's `vm`
//! wraps them in its locks. Memory is allocated fallibly only. Loom, property tests and the kernel compile these same files.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
mod allows;
mod classify;
mod hash;
mod range;
mod regions;
mod spt;
mod stack;
mod state;

pub use allows::allows;
pub use classify::{Access, Bad, Decision, Source, classify};
pub use range::PageRange;
pub use regions::{Region, RegionError, RegionKind, Regions};
pub use spt::{Entry, InsertError, Prot, Spt};
pub use stack::may_grow;
pub use state::{PageState, Redeemed, Refused, State, Ticket};
