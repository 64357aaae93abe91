//! Reading packets back: [`Deframer`] cuts a stream into frames, [`decode`] turns a frame into a [`Packet`].
//!
//! Any bytes at all may come in. The CRC is checked before a single field is believed, no length is trusted, memory is
//! bounded, and nothing panics. A packet decodes without those before it, so a bad one costs only itself.

pub use crate::deframe::{Deframer, Frame, Skipped};
pub use crate::link::RecordError;

use crate::cobs;
use crate::control::Control;
use crate::event::Stamped;
use crate::link::Links;
use crate::packet::{CRC, CRC_BYTES, Channel, MAX_PACKET, StreamPosition};
use crate::varint::{READER_BUF, Reader};
use fl_addr::CpuId;

/// Why a frame is no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketError {
    /// Not COBS, or longer than any packet: the link damaged it.
    Framing,
    /// Too short to hold a CRC: the link damaged it.
    Short,
    /// The CRC is wrong: the link damaged it.
    Crc,
    /// The CRC is right but the header cannot be read: the writer is at fault.
    Header,
    /// The CRC is right but the channel is unknown: the writer's schema is newer. Its stream is not counted.
    UnknownChannel(u8),
}

impl PacketError {
    /// Whether the bytes were damaged on their way, as against written so.
    pub const fn is_damage(self) -> bool {
        matches!(self, Self::Framing | Self::Short | Self::Crc)
    }
}

/// A packet whose CRC was right. Owns its bytes.
#[derive(Clone)]
pub struct Packet {
    /// What the payload is.
    pub channel: Channel,
    /// Whose stream.
    pub cpu: CpuId,
    /// Where in the stream.
    pub position: StreamPosition,
    /// What the first event's time counts from; for other channels when the packet was begun. In ticks.
    pub base_tsc: u64,
    /// Records in it, as the header says.
    pub count: u32,
    /// The payload is `buf[start..end]`.
    buf: [u8; READER_BUF],
    start: usize,
    end: usize,
}

/// Decodes one frame, given without its delimiter.
pub fn decode(frame: &[u8]) -> Result<Packet, PacketError> {
    let mut packet = Packet {
        channel: Channel::Control,
        cpu: CpuId(0),
        position: StreamPosition::default(),
        base_tsc: 0,
        count: 0,
        buf: [0; READER_BUF],
        start: 0,
        end: 0,
    };
    let len = packet
        .buf
        .get_mut(..MAX_PACKET)
        .and_then(|room| cobs::decode(frame, room))
        .ok_or(PacketError::Framing)?;
    let (body, crc) =
        packet.buf.get(..len).and_then(|b| b.split_last_chunk::<CRC_BYTES>()).ok_or(PacketError::Short)?;
    if CRC.checksum(body) != u32::from_le_bytes(*crc) && !cfg!(mutant = "crc_unchecked") {
        return Err(PacketError::Crc);
    }
    packet.end = body.len();
    let mut r = Reader::new(&packet.buf, 0, packet.end);
    let channel = r.byte();
    packet.cpu = CpuId(r.byte());
    packet.position.sequence = r.u32();
    packet.base_tsc = r.u64();
    packet.position.first_index = r.u64();
    packet.position.lost = r.u64();
    packet.count = r.u32();
    if !r.is_sound() {
        return Err(PacketError::Header);
    }
    packet.start = packet.end - r.rest().len();
    packet.channel = *Channel::ALL.get(usize::from(channel)).ok_or(PacketError::UnknownChannel(channel))?;
    Ok(packet)
}

impl Packet {
    /// The payload as it was sent.
    pub fn payload(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or(&[])
    }

    /// The events of a packet of [`Channel::Events`]; nothing for other channels.
    ///
    /// After an error the rest of the packet is unknown and the iterator ends.
    #[inline]
    pub fn events(&self) -> Events<'_> {
        Events { records: self.records(Channel::Events), links: Links::new(self.base_tsc) }
    }

    /// The records of a packet of [`Channel::Control`]; nothing for other channels. Ends after an error.
    pub fn controls(&self) -> Controls<'_> {
        Controls { records: self.records(Channel::Control) }
    }

    /// The defmt frames of a packet of [`Channel::Logs`]; nothing for other channels. Ends after an error.
    pub fn logs(&self) -> Logs<'_> {
        Logs { records: self.records(Channel::Logs) }
    }

    /// The bytes of a packet of [`Channel::Console`]; nothing for other channels.
    pub fn console(&self) -> &[u8] {
        if self.channel == Channel::Console { self.payload() } else { &[] }
    }

    #[inline]
    fn records(&self, channel: Channel) -> Records<'_> {
        let mine = channel == self.channel;
        let start = if mine { self.start } else { self.end };
        Records { r: Reader::new(&self.buf, start, self.end), left: if mine { self.count } else { 0 } }
    }
}

impl core::fmt::Debug for Packet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packet")
            .field("channel", &self.channel)
            .field("cpu", &self.cpu)
            .field("position", &self.position)
            .field("base_tsc", &self.base_tsc)
            .field("count", &self.count)
            .field("payload_len", &self.payload().len())
            .finish()
    }
}

/// A walk over a payload that ends exactly with the count of the header, or with an error.
#[derive(Clone)]
struct Records<'p> {
    r: Reader<'p>,
    left: u32,
}

impl<'p> Records<'p> {
    /// Reads the next record by `read`, if there is one.
    #[inline(always)]
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'p>) -> Result<T, RecordError>,
    ) -> Option<Result<T, RecordError>> {
        let record = match (self.left, self.r.is_at_end()) {
            (0, true) => return None,
            (0, false) | (_, true) => Err(RecordError::Count),
            (_, false) => read(&mut self.r),
        };
        if record.is_ok() {
            self.left -= 1;
        } else {
            self.left = 0;
            self.r.stop();
        }
        Some(record)
    }
}

/// See [`Packet::events`].
#[derive(Clone)]
pub struct Events<'p> {
    records: Records<'p>,
    links: Links,
}

impl Iterator for Events<'_> {
    type Item = Result<Stamped, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let links = &mut self.links;
        self.records.next(|r| links.read(r))
    }
}

/// See [`Packet::controls`].
#[derive(Clone)]
pub struct Controls<'p> {
    records: Records<'p>,
}

impl Iterator for Controls<'_> {
    type Item = Result<Control, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next(|r| {
            let rest = r.rest();
            let (record, after) = postcard::take_from_bytes(rest).map_err(|e| match e {
                postcard::Error::SerdeDeCustom => RecordError::Unknown,
                _ => RecordError::Malformed,
            })?;
            r.skip(rest.len() - after.len());
            Ok(record)
        })
    }
}

/// See [`Packet::logs`].
#[derive(Clone)]
pub struct Logs<'p> {
    records: Records<'p>,
}

impl<'p> Iterator for Logs<'p> {
    type Item = Result<&'p [u8], RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next(|r| {
            let len = usize::try_from(r.u64()).map_err(|_| RecordError::Malformed)?;
            let bytes = r.bytes(len);
            if r.is_sound() { Ok(bytes) } else { Err(RecordError::Malformed) }
        })
    }
}
