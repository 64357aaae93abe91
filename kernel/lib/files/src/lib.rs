//! The descriptor table of a process: which numbers are open, what they share, and what fork makes of them.
//!
//! [`Table`] maps descriptors to [`Description`]s, generic over what a file is. A description is made by each open and has one
//! position; descriptors made by `dup2` share it. Fork gives the child the same sharing with positions of its own, which is
//! Pintos' rule and not POSIX's. Pure: no locks, no I/O; memory is allocated fallibly only.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod description;
mod error;
mod table;

pub use description::{Description, Object};
pub use error::{BadDescriptor, Dup2Error, NoMemory, OpenError};
pub use table::{OPEN_MAX, Table};
