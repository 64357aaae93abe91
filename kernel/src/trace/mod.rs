//! The trace: [`mod@emit`] records an event, [`logger`] a log line, [`drain`] sends both to the host over a [`link`], [`mod@panic`] what is left.
//!
//! Recording is one copy into this CPU's ring: no lock, no encoding, no waiting. Everything slow happens in the drain.

pub mod classes;
pub mod drain;
pub mod emit;
pub mod link;
mod logger;
mod metrics;
pub mod panic;
mod pump;
pub mod uart;

pub use emit::{emit, emit_lazily};
