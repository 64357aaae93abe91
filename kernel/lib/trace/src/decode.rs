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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::packet::MAX_FRAME;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// `body` as a frame without delimiter, with the CRC that belongs to it.
    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut packet = body.to_vec();
        packet.extend_from_slice(&CRC.checksum(body).to_le_bytes());
        let mut frame = [0; MAX_FRAME];
        let n = cobs::encode(&packet, &mut frame);
        frame[..n - 1].to_vec()
    }

    /// Walks every iterator to its end; each must end, and say nothing after an error.
    fn walk(p: &Packet) -> usize {
        fn ends<T>(mut it: impl Iterator<Item = Result<T, RecordError>>) -> usize {
            let mut n = 0;
            while let Some(record) = it.next() {
                n += 1;
                assert!(n <= MAX_PACKET + 1);
                if record.is_err() {
                    assert!(it.next().is_none());
                    break;
                }
            }
            n
        }
        ends(p.events()) + ends(p.controls()) + ends(p.logs()) + p.console().len()
    }

    /// Bytes that look a little like a payload: small tags and numbers among anything.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![3 => 0u8..8, 1 => any::<u8>(), 1 => Just(0xFF)], 0..700)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn arbitrary_frames_are_refused(frame in proptest::collection::vec(any::<u8>(), 0..1300)) {
            prop_assert!(decode(&frame).is_err());
        }

        #[test]
        fn nonsense_with_a_right_crc_ends_without_harm(body in bytes()) {
            match decode(&sealed(&body)) {
                Ok(p) => { walk(&p); }
                Err(e) => prop_assert!(!e.is_damage(), "{:?}", e),
            }
        }

        #[test]
        fn a_nonsense_payload_ends_without_harm(channel in 0u8..4, count in 0u8..90, payload in bytes()) {
            let mut body = std::vec![channel, 1, 7, 9, 5, 2, count];
            body.extend_from_slice(&payload);
            let p = decode(&sealed(&body)).expect("the header is sound");
            prop_assert_eq!((p.payload(), p.count), (&payload[..], u32::from(count)));
            walk(&p);
        }
    }

    #[test]
    fn the_crc_is_crc_32c() {
        assert_eq!(CRC.checksum(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn errors_say_whose_fault_it_is() {
        let header = [0, 0, 0, 0, 0, 0, 0];
        assert!(decode(&sealed(&header)).is_ok());
        assert_eq!(decode(&[]).err(), Some(PacketError::Short));
        assert_eq!(decode(&[1, 1, 1]).err(), Some(PacketError::Short));
        assert_eq!(decode(&[9, 1]).err(), Some(PacketError::Framing));
        assert_eq!(decode(&[255; 1500]).err(), Some(PacketError::Framing), "longer than any packet");
        assert_eq!(decode(&[6, 1, 2, 3, 4, 5]).err(), Some(PacketError::Crc));
        assert_eq!(decode(&sealed(&header[..6])).err(), Some(PacketError::Header));
        assert_eq!(
            decode(&sealed(&[0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0])).err(),
            Some(PacketError::Header)
        );
        assert_eq!(decode(&sealed(&[9, 0, 0, 0, 0, 0, 0])).err(), Some(PacketError::UnknownChannel(9)));
    }

    #[test]
    fn records_that_do_not_match_the_count_are_an_error() {
        let exit = [2, 10, 3, 0, 0];
        let events = |count: u8, payload: &[&[u8]]| {
            let mut body = std::vec![1, 0, 0, 0, 0, 0, count];
            payload.iter().for_each(|p| body.extend_from_slice(p));
            let packet = decode(&sealed(&body)).expect("the header is sound");
            packet.events().map(|e| e.map(|e| e.tsc)).collect::<Vec<_>>()
        };
        assert_eq!(events(1, &[&exit]), [Ok(10)]);
        assert_eq!(events(1, &[&exit, &exit]), [Ok(10), Err(RecordError::Count)]);
        assert_eq!(events(2, &[&exit]), [Ok(10), Err(RecordError::Count)]);
        assert_eq!(events(2, &[&exit, &exit[..4]]), [Ok(10), Err(RecordError::Malformed)]);
        assert_eq!(events(2, &[&[77, 0], &exit]), [Err(RecordError::Unknown)]);
        assert_eq!(events(1, &[&[2, 10, 3, 0, 99]]), [Err(RecordError::Unknown)], "an unknown cause");
    }
}
