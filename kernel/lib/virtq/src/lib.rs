//! The sending side of a split virtqueue: places that are filled, given to the device, and free again once it has answered.
//!
//! Key types: [`Area`], the memory that both sides see; [`SendQueue`], the driver's side. A place has one descriptor of its own and one
//! buffer of the caller's, for ever; so there are no chains and no lists, and every step is one store. A driver that is stopped between
//! any two of them (a panic) can be taken over: at worst a place is never used again. That is what crate `virtio-drivers`' queue,
//! whose counts and links belong together, cannot give.
#![no_std]
#![forbid(unsafe_code)]

mod area;
mod send;

pub use area::{Area, Available, Descriptor, NO_INTERRUPT, NO_NOTIFY, Used, UsedElement};
pub use send::{Broken, SendQueue};
