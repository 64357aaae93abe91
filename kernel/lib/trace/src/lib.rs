//! The wire: event schema, packets, framing, hello. Used by the kernel (encode) and by vmtrace (decode).
//!
//! * [`event`] holds what the kernel records, [`class`] what of it, [`metrics`] what it counts besides, [`control`] what describes a run.
//! * [`console`] queues console text for machines with one port.
//! * [`packet`] lays out one packet, [`encode`] fills it, [`decode`] reads it back, [`loss`] counts what is missing.
//!
//! Nothing here allocates, and no input makes it panic.
#![no_std]
#![forbid(unsafe_code)]

pub mod class;
pub mod console;
pub mod control;
pub mod decode;
pub mod encode;
pub mod event;
pub mod field;
pub mod locks;
pub mod loss;
pub mod metrics;
pub mod packet;

mod cobs;
mod declare;
mod deframe;
mod link;
mod varint;
mod words;

/// Number of the wire schema; raised when old readers can no longer read new traces.
pub const SCHEMA_VERSION: u32 = 3;

/// A number that differs when any type or rule of the wire differs.
///
/// It is the CRC-32C of the golden files: `schema.txt`, which a test derives from the serde shape of the types, and one
/// packet of each channel, which hold every variant. A test fails when they are stale (see `tests/golden.rs`).
pub const fn schema_fingerprint() -> u32 {
    FINGERPRINT
}

const FINGERPRINT: u32 = {
    let mut crc = packet::CRC.digest();
    crc.update(include_bytes!("../tests/golden/schema.txt"));
    crc.update(include_bytes!("../tests/golden/control.hex"));
    crc.update(include_bytes!("../tests/golden/events.hex"));
    crc.update(include_bytes!("../tests/golden/logs.hex"));
    crc.update(include_bytes!("../tests/golden/console.hex"));
    crc.finalize()
};
