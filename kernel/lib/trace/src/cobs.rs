//! Consistent-overhead byte stuffing: a packet without zero bytes, so that 0x00 can end it (Cheshire and Baker, 1999).
//!
//! A block is a code byte `n` and `n - 1` bytes that are not zero; after it stands a zero, unless `n` is 255 or the
//! packet ends there. Both directions take and give slices, write only inside them, and cost a few operations per byte.

use crate::packet::{DELIMITER, MAX_FRAME, MAX_PACKET};

/// Most bytes in a block.
const FULL: usize = 254;

/// Writes `packet`, stuffed and followed by the delimiter, into `frame`; gives the bytes used.
/// A packet of more than [`MAX_PACKET`] bytes does not fit and is cut; [`crate::encode`] never makes one.
pub(crate) fn encode(packet: &[u8], frame: &mut [u8; MAX_FRAME]) -> usize {
    let packet = packet.get(..MAX_PACKET).unwrap_or(packet);
    let mut open = Open { start: 0, full: 0 };
    open.copy_rest(packet, frame);
    // Eight bytes at a step: data is copied in one go, only the zeros need work.
    let (words, tail) = packet.as_chunks::<8>();
    let mut base = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        const ONES: u64 = 0x0101_0101_0101_0101;
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        // A bit is left exactly if there is a zero, but not always in the right place.
        if word.wrapping_sub(ONES) & !word & !LOW != 0 {
            // The top bit of each byte that is zero, exactly.
            let mut zeros = !((word & LOW).wrapping_add(LOW) | word | LOW);
            while zeros != 0 {
                open = open.close_at(base + (zeros.trailing_zeros() >> 3) as usize, packet, frame);
                zeros &= zeros - 1;
            }
        }
        base += 8;
    }
    for (i, _) in tail.iter().enumerate().filter(|(_, byte)| **byte == 0) {
        open = open.close_at(base + i, packet, frame);
    }
    open.finish(packet, frame)
}

/// The open block in [`encode`]. By value, so that it stays in registers.
#[derive(Clone, Copy)]
struct Open {
    /// Where in the packet it begins. Its code belongs there in the frame, [`full`](Self::full) further on, and its bytes follow, and those of
    /// the rest of the packet too.
    start: usize,
    /// Blocks that were closed because they were full: each has made the frame a byte longer than the packet.
    full: usize,
}

impl Open {
    /// Writes its code for an end at `end` in the packet.
    #[inline(always)]
    fn put_code(self, end: usize, frame: &mut [u8; MAX_FRAME]) {
        if let Some(slot) = frame.get_mut(self.start + self.full) {
            *slot = (end - self.start + 1) as u8;
        }
    }

    /// Copies the packet from `start` on behind the code.
    fn copy_rest(self, packet: &[u8], frame: &mut [u8; MAX_FRAME]) {
        let rest = packet.get(self.start..).unwrap_or(&[]);
        let at = self.start + self.full + 1;
        if let Some(room) = frame.get_mut(at..).and_then(|f| f.get_mut(..rest.len())) {
            room.copy_from_slice(rest);
        }
    }

    /// Ends at the zero that stands at `zero` in the packet; gives the next.
    #[inline(always)]
    fn close_at(mut self, zero: usize, packet: &[u8], frame: &mut [u8; MAX_FRAME]) -> Self {
        if zero - self.start >= FULL {
            self = self.close_full(zero - FULL, packet, frame);
        }
        self.put_code(zero, frame);
        Self { start: zero + 1, ..self }
    }

    /// Ends because it is full, and so do the next as long as they begin at `last` in the packet or before. A full block stands for no zero, so
    /// all that follows moves by one.
    #[cold]
    #[inline(never)]
    fn close_full(mut self, last: usize, packet: &[u8], frame: &mut [u8; MAX_FRAME]) -> Self {
        while self.start <= last {
            self.put_code(self.start + FULL, frame);
            self = Self { start: self.start + FULL, full: self.full + 1 };
            self.copy_rest(packet, frame);
        }
        self
    }

    /// Ends with the packet, and the frame with it; gives the bytes used.
    fn finish(mut self, packet: &[u8], frame: &mut [u8; MAX_FRAME]) -> usize {
        // A last block that is just full needs no other behind it.
        if packet.len() - self.start > FULL {
            self = self.close_full(packet.len() - FULL - 1, packet, frame);
        }
        self.put_code(packet.len(), frame);
        let end = packet.len() + self.full + 1;
        if let Some(slot) = frame.get_mut(end) {
            *slot = DELIMITER;
        }
        end + 1
    }
}

/// Undoes [`encode`] for a frame without its delimiter; gives the bytes written.
/// `None` if the frame holds a zero, a block is cut short, or `packet` is too small.
pub(crate) fn decode(frame: &[u8], packet: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0, 0);
    while let Some(&code) = frame.get(from) {
        let n = usize::from(code).checked_sub(1)?;
        let block = frame.get(from + 1..from + 1 + n)?;
        from += 1 + n;
        packet.get_mut(to..to + n)?.copy_from_slice(block);
        to += n;
        if code != 255 && from < frame.len() {
            *packet.get_mut(to)? = 0;
            to += 1;
        }
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn framed(packet: &[u8]) -> Vec<u8> {
        let mut frame = [0xAA; MAX_FRAME];
        let n = encode(packet, &mut frame);
        frame[..n].to_vec()
    }

    #[test]
    fn the_published_examples_come_out() {
        for (packet, frame) in [
            (&[][..], &[1, 0][..]),
            (&[0], &[1, 1, 0]),
            (&[0, 0], &[1, 1, 1, 0]),
            (&[0x11, 0x22, 0, 0x33], &[3, 0x11, 0x22, 2, 0x33, 0]),
            (&[0x11, 0, 0, 0], &[2, 0x11, 1, 1, 1, 0]),
        ] {
            assert_eq!(framed(packet), frame);
        }
        let run: Vec<u8> = (1..=255).collect();
        assert_eq!(framed(&run[..254]).len(), 254 + 2, "a block that ends the packet needs no further code");
        assert_eq!(framed(&run).len(), 255 + 3);
    }

    #[test]
    fn the_largest_packet_fits_the_largest_frame() {
        assert_eq!(framed(&[7; MAX_PACKET]).len(), MAX_FRAME);
        assert!(framed(&[0; MAX_PACKET]).len() <= MAX_FRAME);
    }

    #[test]
    fn a_cut_block_is_refused() {
        let mut out = [0; MAX_PACKET];
        assert_eq!(decode(&[5, 1, 2], &mut out), None);
        assert_eq!(decode(&[2, 1, 0], &mut out), None, "a zero inside");
        assert_eq!(decode(&[9; 9], &mut out[..3]), None, "no room");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn every_packet_survives(packet in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..=MAX_PACKET)) {
            let frame = framed(&packet);
            prop_assert!(frame.iter().position(|&b| b == DELIMITER) == Some(frame.len() - 1));
            let mut out = [0xAA; MAX_PACKET];
            let n = decode(&frame[..frame.len() - 1], &mut out);
            prop_assert_eq!(n.map(|n| &out[..n]), Some(&packet[..]));
        }

        #[test]
        fn blocks_without_zeros_survive(fill in 1u8.., len in 200..=MAX_PACKET) {
            let packet = std::vec![fill; len];
            let frame = framed(&packet);
            let mut out = [0; MAX_PACKET];
            let n = decode(&frame[..frame.len() - 1], &mut out);
            prop_assert_eq!(n.map(|n| &out[..n]), Some(&packet[..]));
        }
    }
}
