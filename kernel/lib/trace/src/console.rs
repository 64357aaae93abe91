//! [`ConsoleQueue`]: console text waiting to be sent as packets of [`Channel::Console`], where console and trace share a port.

use crate::encode::RecordPacket;
use crate::packet::{Channel, MAX_FRAME, PACKET_ROOM, StreamPosition};
use fl_addr::CpuId;

/// Text on its way, at most `N` bytes. Owns the stream's position; bytes leave only once they were sent.
///
/// Nothing is dropped here: what does not fit is for the writer to bring again.
pub struct ConsoleQueue<const N: usize> {
    bytes: [u8; N],
    /// Where the oldest byte stands.
    start: usize,
    len: usize,
    at: StreamPosition,
}

impl<const N: usize> ConsoleQueue<N> {
    /// Empty, at the begin of the stream.
    pub const fn new() -> Self {
        Self { bytes: [0; N], start: 0, len: 0, at: StreamPosition { sequence: 0, first_index: 0, lost: 0 } }
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes as many of `text` as there is room for; how many.
    pub fn put(&mut self, text: &[u8]) -> usize {
        let taken = text.len().min(N - self.len);
        for &byte in text.iter().take(taken) {
            self.bytes[(self.start + self.len) % N] = byte;
            self.len += 1;
        }
        taken
    }

    /// The frame of the next packet, begun at `now` (ticks), and how many bytes of text it carries. `None`: nothing waits.
    pub fn frame<'f>(
        &self,
        now: u64,
        packet: &mut [u8; PACKET_ROOM],
        frame: &'f mut [u8; MAX_FRAME],
    ) -> Option<(&'f [u8], usize)> {
        if self.is_empty() {
            return None;
        }
        let end = (self.start + self.len).min(N);
        let mut packet = RecordPacket::begin(packet, Channel::Console, CpuId(0), self.at, now);
        let taken = packet.push_bytes(self.bytes.get(self.start..end).unwrap_or_default());
        Some((packet.finish(frame), taken))
    }

    /// The packet that carried `taken` bytes has been sent.
    pub fn sent(&mut self, taken: usize) {
        let taken = taken.min(self.len);
        self.start = (self.start + taken) % N;
        self.len -= taken;
        self.at.advance(taken as u32);
    }
}

impl<const N: usize> Default for ConsoleQueue<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::decode::{Deframer, decode};
    use crate::loss::{Continuity, Follows};
    use std::vec::Vec;

    /// Sends all that waits; the text as a reader gets it.
    fn send<const N: usize>(queue: &mut ConsoleQueue<N>, reader: &mut Continuity) -> Vec<u8> {
        let (mut packet, mut frame, mut text) = ([0; PACKET_ROOM], [0; MAX_FRAME], Vec::new());
        while let Some((bytes, taken)) = queue.frame(7, &mut packet, &mut frame) {
            let mut chunk = bytes;
            let mut deframer = Deframer::new();
            let got = deframer.next(&mut chunk).expect("a frame");
            let got = decode(got.bytes).expect("a packet");
            let follows = reader.follow(got.position, got.count);
            assert!(matches!(follows, Follows::After(lost) if lost.records == 0 && lost.packets == 0));
            text.extend_from_slice(got.console());
            queue.sent(taken);
        }
        text
    }

    #[test]
    fn text_arrives_whole_and_in_order_whatever_the_pieces() {
        let mut queue = ConsoleQueue::<100>::new();
        let mut reader = Continuity::default();
        let text: Vec<u8> = (0..5000u32).map(|i| (i % 251) as u8).collect();
        let (mut brought, mut got) = (0, Vec::new());
        for piece in (1..70).cycle() {
            let end = text.len().min(brought + piece);
            brought += queue.put(&text[brought..end]);
            if piece % 3 == 0 {
                got.extend(send(&mut queue, &mut reader));
            }
            if brought == text.len() {
                break;
            }
        }
        got.extend(send(&mut queue, &mut reader));
        assert_eq!(got, text);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_loses_nothing() {
        let mut queue = ConsoleQueue::<8>::new();
        assert_eq!((queue.put(b"0123456"), queue.put(b"789"), queue.put(b"x")), (7, 1, 0));
        assert_eq!(send(&mut queue, &mut Continuity::default()), b"01234567");
    }

    #[test]
    fn a_packet_that_was_not_sent_is_made_again_the_same() {
        let mut queue = ConsoleQueue::<64>::new();
        queue.put(b"hello");
        let (mut packet, mut one, mut two) = ([0; PACKET_ROOM], [0; MAX_FRAME], [0; MAX_FRAME]);
        let first = queue.frame(7, &mut packet, &mut one);
        assert_eq!(first, queue.frame(7, &mut packet, &mut two));
        queue.sent(5);
        assert!(queue.is_empty() && queue.frame(7, &mut packet, &mut two).is_none());
    }
}
