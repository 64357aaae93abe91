//! Reads Faultline's trace: bytes to packets to events to what they mean, and views of it.
//!
//! The way through: [`wire`] (bytes to packets, resynchronisation, loss) feeds a [`decode::Sink`]; [`model`] turns events
//! into processes, runs of faults and distributions; [`check`] compares them with the invariants; [`view`] makes text,
//! pictures and JSON; [`cli`] is the command line. Tests and tools that want a whole run in memory use [`Trace`].
#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod decode;
pub mod error;
pub mod model;
pub mod synth;
mod trace;
pub mod view;
pub mod wire;

pub use error::Error;
pub use trace::{Log, Seen, Trace};
