//! The wire: event schema, packets, framing, hello. Used by the kernel (encode) and by vmtrace (decode).
//!
//! [`event`] holds what the kernel records, [`control`] what describes a run.
#![no_std]
#![forbid(unsafe_code)]

pub mod control;
pub mod event;
