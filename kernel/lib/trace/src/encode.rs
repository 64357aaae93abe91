//! Filling packets in the kernel: [`EventPacket`] for events, [`RecordPacket`] for the other channels.
//!
//! Both work in a caller's buffer of [`PACKET_ROOM`] bytes and give a whole frame at the end. They neither allocate nor
//! panic, and a record that does not fit changes nothing: the caller finishes the packet and begins the next.
//! The header is written last, just before the payload, because only then the count is known.

use crate::control::Control;
use crate::event::Stamped;
use crate::link::{Links, MAX_RECORD};
use crate::packet::{
    CRC_BYTES, Channel, MAX_FRAME, MAX_HEADER, MAX_PACKET, PACKET_ROOM, StreamPosition, checksum,
};
use crate::varint::Writer;
use crate::{cobs, packet};
use fl_addr::CpuId;

/// Where a payload must end to leave room for the CRC.
const PAYLOAD_END: usize = MAX_PACKET - CRC_BYTES;
const _: () = assert!(MAX_RECORD <= packet::MAX_PAYLOAD);

/// What all packets under construction have in common.
struct Draft<'b> {
    buf: &'b mut [u8; PACKET_ROOM],
    /// End of the payload, which begins at `MAX_HEADER`.
    len: usize,
    count: u32,
    channel: Channel,
    cpu: CpuId,
    at: StreamPosition,
    base_tsc: u64,
}

impl<'b> Draft<'b> {
    fn begin(
        buf: &'b mut [u8; PACKET_ROOM],
        channel: Channel,
        cpu: CpuId,
        at: StreamPosition,
        base_tsc: u64,
    ) -> Self {
        Self { buf, len: MAX_HEADER, count: 0, channel, cpu, at, base_tsc }
    }

    /// Keeps what was written up to `end` as `records` more records, unless it went beyond the room.
    #[inline(always)]
    fn commit(&mut self, end: usize, records: u32) -> bool {
        let fits = end <= PAYLOAD_END;
        if fits {
            self.len = end;
            self.count += records;
        }
        fits
    }

    fn finish(self, frame: &mut [u8; MAX_FRAME], checksum: impl FnOnce(&[u8]) -> u32) -> &[u8] {
        // Written behind the packet's end, where there is room, and moved to where it ends just before the payload.
        let mut w = Writer::new(self.buf, MAX_PACKET);
        w.byte(self.channel as u8);
        w.byte(self.cpu.0);
        w.unsigned(u64::from(self.at.sequence));
        w.unsigned(self.base_tsc);
        w.unsigned(self.at.first_index);
        w.unsigned(self.at.lost);
        w.unsigned(u64::from(self.count));
        let header = MAX_PACKET..w.at().min(MAX_PACKET + MAX_HEADER);
        let start = MAX_HEADER - header.len();
        self.buf.copy_within(header, start);
        let crc = checksum(self.buf.get(start..self.len).unwrap_or(&[]));
        Writer::new(self.buf, self.len).bytes(&crc.to_le_bytes());
        let used = cobs::encode(self.buf.get(start..self.len + CRC_BYTES).unwrap_or(&[]), frame);
        frame.get(..used).unwrap_or(&[])
    }
}

/// A packet of events under construction.
pub struct EventPacket<'b> {
    draft: Draft<'b>,
    links: Links,
}

impl<'b> EventPacket<'b> {
    /// Begins the packet at `at` in the stream of `cpu`'s events. `base_tsc`, in ticks, is best the first event's time.
    pub fn begin(buf: &'b mut [u8; PACKET_ROOM], cpu: CpuId, at: StreamPosition, base_tsc: u64) -> Self {
        Self { draft: Draft::begin(buf, Channel::Events, cpu, at, base_tsc), links: Links::new(base_tsc) }
    }

    /// Appends one event. False: it does not fit, and nothing changed; an empty packet has room for any event.
    #[inline]
    pub fn push(&mut self, e: &Stamped) -> bool {
        if self.draft.len + MAX_RECORD > PAYLOAD_END {
            return self.push_near_end(e);
        }
        let end = append(&mut self.links, self.draft.buf, self.draft.len, e);
        self.draft.commit(end, 1)
    }

    /// [`EventPacket::push`] where the event may turn out not to fit.
    #[cold]
    fn push_near_end(&mut self, e: &Stamped) -> bool {
        let mut links = self.links;
        let end = append(&mut links, self.draft.buf, self.draft.len, e);
        let fits = self.draft.commit(end, 1);
        if fits || cfg!(mutant = "refused_event_changes_links") {
            self.links = links;
        }
        fits
    }

    /// Events in it so far.
    pub fn count(&self) -> u32 {
        self.draft.count
    }

    /// Payload bytes in it so far, for callers that want shorter packets than the largest.
    pub fn payload_len(&self) -> usize {
        self.draft.len - MAX_HEADER
    }

    /// Closes the packet and gives its frame, delimiter included.
    pub fn finish(self, frame: &mut [u8; MAX_FRAME]) -> &[u8] {
        self.finish_with(frame, checksum)
    }

    /// [`finish`](Self::finish) by a faster `checksum` of the caller's, which must give what [`packet::checksum`] does.
    pub fn finish_with(self, frame: &mut [u8; MAX_FRAME], checksum: impl FnOnce(&[u8]) -> u32) -> &[u8] {
        self.draft.finish(frame, checksum)
    }
}

/// Writes one event at `at` and gives its end, which may lie beyond the room. One function, in which everything is inlined:
/// so the position stays in a register.
#[inline(never)]
fn append(links: &mut Links, buf: &mut [u8; PACKET_ROOM], at: usize, e: &Stamped) -> usize {
    let mut w = Writer::new(buf, at);
    links.write(&mut w, e);
    w.at()
}

/// A packet of control records, log frames or console bytes under construction.
///
/// Each push method belongs to one channel; on a packet of another channel it refuses.
pub struct RecordPacket<'b> {
    draft: Draft<'b>,
}

/// Longest log frame that an empty packet always takes, in bytes.
pub const MAX_LOG: usize = packet::MAX_PAYLOAD - 2;

impl<'b> RecordPacket<'b> {
    /// Begins the packet at `at` in the stream (`channel`, `cpu`). `base_tsc`, in ticks, says when. For
    /// [`Channel::Events`] use [`EventPacket`]; such a packet takes nothing here.
    pub fn begin(
        buf: &'b mut [u8; PACKET_ROOM],
        channel: Channel,
        cpu: CpuId,
        at: StreamPosition,
        base_tsc: u64,
    ) -> Self {
        Self { draft: Draft::begin(buf, channel, cpu, at, base_tsc) }
    }

    /// Appends a control record. False: it does not fit, and nothing changed; an empty packet has room for any.
    pub fn push_control(&mut self, record: &Control) -> bool {
        let Some(room) = self.room(Channel::Control) else { return false };
        let Ok(bytes) = postcard::to_slice(record, room) else { return false };
        let len = bytes.len();
        self.draft.commit(self.draft.len + len, 1)
    }

    /// Appends one log frame. False: it does not fit, and nothing changed; see [`MAX_LOG`].
    pub fn push_log(&mut self, frame: &[u8]) -> bool {
        if self.room(Channel::Logs).is_none() {
            return false;
        }
        let mut w = Writer::new(self.draft.buf, self.draft.len);
        w.unsigned(frame.len() as u64);
        w.bytes(frame);
        let end = w.at();
        self.draft.commit(end, 1)
    }

    /// Appends as many console bytes as fit, and says how many. Each counts as one record.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> usize {
        let Some(room) = self.room(Channel::Console) else { return 0 };
        let taken = bytes.get(..room.len()).unwrap_or(bytes);
        room.iter_mut().zip(taken).for_each(|(to, &from)| *to = from);
        let end = self.draft.len + taken.len();
        self.draft.commit(end, taken.len() as u32);
        taken.len()
    }

    /// Records in it so far.
    pub fn count(&self) -> u32 {
        self.draft.count
    }

    /// Closes the packet and gives its frame, delimiter included.
    pub fn finish(self, frame: &mut [u8; MAX_FRAME]) -> &[u8] {
        self.draft.finish(frame, checksum)
    }

    /// The free part of the payload, if this is a packet of `channel`.
    fn room(&mut self, channel: Channel) -> Option<&mut [u8]> {
        if self.draft.channel != channel {
            return None;
        }
        self.draft.buf.get_mut(self.draft.len..PAYLOAD_END)
    }
}
