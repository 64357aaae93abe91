//! One packet on the wire: its layout, its limits, and a stream's [`StreamPosition`].
//!
//! ```text
//! packet  = channel u8 · cpu u8 · sequence · base time · first index · lost · count · payload · CRC-32C (4 bytes, little-endian)
//! frame   = COBS(packet) · 0x00
//! ```
//!
//! The five header numbers are varints as postcard writes them. The CRC covers everything before it. A stream is one
//! channel of one CPU; each stream counts its own packets and records, so that a reader who misses packets knows from
//! the next one how many packets and how many records the link lost, and how many the kernel itself had dropped.
//! [`crate::encode`] writes packets, [`crate::decode`] reads them, [`crate::loss`] does that arithmetic.

use crc::{CRC_32_ISCSI, Crc, Table};

/// Largest packet before framing, in bytes. About 1 KiB spreads header, CRC and framing over some 80 events and still
/// costs little when it is damaged.
pub const MAX_PACKET: usize = 1024;

/// Size of a buffer in which a packet is made, in bytes: a record that turns out not to fit is written beyond the packet's end, and
/// positions are kept inside by a mask.
pub const PACKET_ROOM: usize = 2 * MAX_PACKET + 8;

/// Largest frame in bytes: COBS adds one byte per 254 begun, and the delimiter one more.
pub const MAX_FRAME: usize = MAX_PACKET + MAX_PACKET.div_ceil(254) + 1;

/// Ends each frame and occurs nowhere else.
pub const DELIMITER: u8 = 0;

/// Bytes of the CRC at the end of a packet.
pub(crate) const CRC_BYTES: usize = 4;

/// Longest header: two bytes, and varints of at most 5, 10, 10, 10 and 5 bytes.
pub(crate) const MAX_HEADER: usize = 2 + 5 + 10 + 10 + 10 + 5;

/// Most bytes that a payload can always have, whatever the header's numbers are.
pub const MAX_PAYLOAD: usize = MAX_PACKET - MAX_HEADER - CRC_BYTES;

/// CRC-32C (Castagnoli), 16 bytes per step from 16 KiB of tables: about 3 instructions per byte, on any processor.
pub(crate) static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The CRC of a packet, for processors without an instruction for it.
pub fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// What a packet's payload is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Channel {
    /// [`crate::control::Control`] records in postcard.
    Control = 0,
    /// [`crate::event::Stamped`] events, delta-coded.
    Events = 1,
    /// defmt frames, each after its length as a varint.
    Logs = 2,
    /// Bytes of the console. Here a record is one byte.
    Console = 3,
}

impl Channel {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [Self::Control, Self::Events, Self::Logs, Self::Console];
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StreamPosition {
    /// Number of the packet: 0 for the stream's first, one more for each; wraps after 2^32.
    pub sequence: u32,
    /// Number of the packet's first record, counting from 0 every record ever put into a packet of this stream.
    pub first_index: u64,
    /// Records that the kernel dropped so far, because the stream's buffer was full.
    pub lost: u64,
}

impl StreamPosition {
    /// Steps over a packet of `records` records: the position of the next packet. `lost` is the caller's to update.
    pub const fn advance(&mut self, records: u32) {
        self.sequence = self.sequence.wrapping_add(1);
        self.first_index = self.first_index.wrapping_add(records as u64);
    }
}

const _: () = assert!(Channel::ALL[3] as usize == 3 && MAX_PAYLOAD > 900);
