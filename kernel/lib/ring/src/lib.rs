//! Per-CPU rings between a kernel path that must never wait and the thread that drains it.
//!
//! Key types: [`Ring`] (fixed-size event records) and [`ByteRing`] (log records of any length), with their consumer
//! views [`Peek`] and [`Records`]. Neighbours: `trace::emit` and the logger produce, `trace::drain` and the panic path consume.
//!
//! Both rings follow the same contract:
//! * One producer: the owning CPU with interrupts off. It neither waits nor executes a locked instruction.
//! * One consumer at a time, on any CPU. It looks first and releases after sending, so what an interrupted consumer had
//!   not released is seen again by the next one.
//! * A full ring drops the *newest* record whole and counts it: received + lost + still in the ring = emitted.
//!
//! `tests/loom.rs` checks the orderings on this very source, and that each [`mutant`](fl_model::mutant) of it is caught.
#![no_std]

mod byte_ring;
mod ring;

pub use byte_ring::{ByteRing, Record, Records};
pub use ring::{Full, Peek, Ring};
