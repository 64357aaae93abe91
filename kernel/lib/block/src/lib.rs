//! Requests to a block device, without the device: [`Segment`]s of memory, [`check`] of a request, [`InFlight`] requests, and which of
//! them shall fail for the sake of a test ([`Faults`]).
//!
//! The kernel's drivers use it; nothing here touches memory or hardware. Lengths are bytes, disk positions are sectors of 512.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod faults;
mod in_flight;
mod request;
mod segment;

pub use faults::{Faults, FaultsError, Role};
pub use in_flight::InFlight;
pub use request::{BlockError, Operation, check};
pub use segment::{MAX_SEGMENTS, Segment, SegmentList, gather};

/// Bytes of a sector, the unit of disk positions whatever the disk's own is (virtio 1.1, 5.2.4).
pub const SECTOR: usize = 512;
