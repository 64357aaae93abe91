//! TLB shootdown without the hardware: who may have a translation cached ([`ActiveCpus`]), what is to be dropped ([`Drops`]), and how one
//! CPU tells another and learns that it is done ([`Mailbox`]).
//!
//! The protocol, whose every interleaving `tests/loom.rs` goes through:
//!
//! 1. The initiator changes the page-table entry, then asks [`ActiveCpus::after_change`] who may have cached the old one.
//! 2. It posts what is to be dropped into the [`Mailbox`] of each and interrupts it.
//! 3. Each drops it and acknowledges ([`Mailbox::serve`]).
//! 4. When all have, nobody uses the old translation any more: the frame may be written out or freed.
//!
//! A CPU that comes to the address space meanwhile either is seen in step 1 or finds the changed entry.
#![no_std]
#![forbid(unsafe_code)]

mod active;
mod drops;
mod mailbox;

pub use active::{ActiveCpus, CpuSet};
pub use drops::{Drops, Extent, PageRun};
pub use mailbox::{Mailbox, Ticket};
