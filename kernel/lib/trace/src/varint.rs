//! Varints as postcard writes them (7 bits per byte, lowest first, top bit: more follow; signed numbers zig-zag).
//!
//! [`Writer`] appends to a packet under construction, [`Reader`] walks a received payload. Both check once per record
//! instead of once per byte: they may run past the packet's end, where writes spoil nothing and reads give nonsense, and
//! the caller looks at [`Writer::at`] or [`Reader::is_sound`] before it believes the record.

use crate::packet::{MAX_PACKET, PACKET_ROOM};

/// Appends bytes to a packet under construction, whose buffer has room for a record beyond the packet's end.
pub(crate) struct Writer<'b> {
    buf: &'b mut [u8; PACKET_ROOM],
    at: usize,
}

/// Keeps positions inside the buffer, so that no access needs a check. No record is long enough for it to matter.
const ROOM_MASK: usize = 2 * MAX_PACKET - 1;
const _: () = assert!(ROOM_MASK + 2 <= PACKET_ROOM && crate::link::MAX_RECORD < MAX_PACKET);

impl<'b> Writer<'b> {
    #[inline(always)]
    pub(crate) fn new(buf: &'b mut [u8; PACKET_ROOM], at: usize) -> Self {
        Self { buf, at }
    }

    /// Where the next byte goes. Beyond the packet's end: something did not fit.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.buf[self.at & ROOM_MASK] = byte;
        self.at += 1;
    }

    /// Any number of bytes; those behind the buffer's end vanish, but still count.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if let Some(room) = self.buf.get_mut(self.at..).and_then(|b| b.get_mut(..bytes.len())) {
            room.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    #[inline(always)]
    pub(crate) fn unsigned(&mut self, n: u64) {
        if n < 0x80 {
            self.byte(n as u8);
        } else if n < 0x4000 {
            let at = self.at & ROOM_MASK;
            let both = n as u16 & 0x7f | 0x80 | (n as u16) << 1 & 0x7f00;
            self.buf[at..at + 2].copy_from_slice(&both.to_le_bytes());
            self.at += 2;
        } else {
            self.at = write_long(self.buf, self.at, n);
        }
    }

    #[inline(always)]
    pub(crate) fn signed(&mut self, n: i64) {
        self.unsigned((n << 1 ^ n >> 63) as u64);
    }
}

/// Writes a number of three bytes and more; gives the position behind it. By value: the position of a [`Writer`] stays in
/// a register.
#[inline(never)]
fn write_long(buf: &mut [u8; PACKET_ROOM], mut at: usize, mut n: u64) -> usize {
    while n >= 0x80 {
        buf[at & ROOM_MASK] = n as u8 | 0x80;
        at += 1;
        n >>= 7;
    }
    buf[at & ROOM_MASK] = n as u8;
    at + 1
}

/// Size of a buffer that a [`Reader`] walks: eight bytes can be read at once from any position in a packet.
pub(crate) const READER_BUF: usize = MAX_PACKET + 8;
/// Keeps positions inside a packet, so that no access needs a check; [`Reader::is_sound`] finds those that were not.
const AT_MASK: usize = MAX_PACKET - 1;
const _: () = assert!(MAX_PACKET.is_power_of_two());
/// What a number too large for its type adds to the position: it ends behind any payload, so the record is unsound.
const TOO_LARGE: usize = MAX_PACKET;

/// Walks a payload. Faults are remembered, not returned: ask [`Reader::is_sound`] once per record.
#[derive(Clone)]
pub(crate) struct Reader<'p> {
    buf: &'p [u8; READER_BUF],
    at: usize,
    end: usize,
}

impl<'p> Reader<'p> {
    /// Reads `buf[at..end]`.
    pub(crate) fn new(buf: &'p [u8; READER_BUF], at: usize, end: usize) -> Self {
        Self { buf, at, end }
    }

    /// Whether all that was read so far stood inside the payload and fitted its type.
    #[inline(always)]
    pub(crate) fn is_sound(&self) -> bool {
        self.at <= self.end
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// What is left, for postcard to read.
    pub(crate) fn rest(&self) -> &'p [u8] {
        self.buf.get(self.at..self.end).unwrap_or(&[])
    }

    /// Goes to the end: nothing more is to be read.
    pub(crate) fn stop(&mut self) {
        self.at = self.end;
    }

    /// Steps over bytes that someone else read.
    pub(crate) fn skip(&mut self, n: usize) {
        self.at += n.min(TOO_LARGE);
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> u8 {
        let byte = self.buf[self.at & AT_MASK];
        self.at += 1;
        byte
    }

    /// The next `n` bytes; fewer than `n` only when the record is unsound.
    pub(crate) fn bytes(&mut self, n: usize) -> &'p [u8] {
        let bytes = self.rest().get(..n).unwrap_or(&[]);
        self.skip(n);
        bytes
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self) -> u64 {
        self.number::<64>()
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> u32 {
        self.number::<32>() as u32
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> u16 {
        self.number::<16>() as u16
    }

    /// A number of at most `BITS` bits, 15 or more.
    #[inline(always)]
    fn number<const BITS: u32>(&mut self) -> u64 {
        let at = self.at & AT_MASK;
        let word = u64::from_le_bytes(self.buf[at..at + 8].try_into().unwrap_or_default());
        // Most numbers on the wire have one or two bytes.
        if word & 0x80 == 0 {
            self.at += 1;
            return word & 0x7f;
        }
        if word & 0x8000 == 0 {
            self.at += 2;
            return word & 0x7f | word >> 1 & 0x3f80;
        }
        let (n, len) = long(self.buf, at, word);
        self.at += if BITS < 64 && n >> (BITS & 63) != 0 { TOO_LARGE } else { len };
        n
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self) -> i64 {
        let n = self.u64();
        (n >> 1) as i64 ^ -((n & 1) as i64)
    }

    #[inline(always)]
    pub(crate) fn i32(&mut self) -> i32 {
        let n = self.u32();
        (n >> 1) as i32 ^ -((n & 1) as i32)
    }
}

/// The number that begins with `word` at `at`, and its length in bytes, or [`TOO_LARGE`].
#[inline]
fn long(buf: &[u8; READER_BUF], at: usize, word: u64) -> (u64, usize) {
    // One bit for each byte that ends a number; the lowest one ends this number.
    let ends = !word & 0x8080_8080_8080_8080;
    if ends == 0 {
        return longest(buf, at, word);
    }
    let len = (ends.trailing_zeros() >> 3) as usize + 1;
    (close_gaps(word & (ends ^ (ends - 1))), len)
}

/// Numbers of nine bytes and more.
#[cold]
fn longest(buf: &[u8; READER_BUF], at: usize, word: u64) -> (u64, usize) {
    let [ninth, tenth] = [8, 9].map(|i| u64::from(buf[(at + i) & AT_MASK]));
    let n = close_gaps(word) | (ninth & 0x7f) << 56;
    match (ninth >> 7, tenth) {
        (0, _) => (n, 9),
        // Of the tenth byte only the lowest bit is inside 64 bits, and no eleventh may follow.
        (_, 0 | 1) => (n | tenth << 63, 10),
        _ => (n, TOO_LARGE),
    }
}

/// Joins the 7-bit groups of eight bytes, pair by pair.
#[inline(always)]
fn close_gaps(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
    (word & 0x0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    /// Numbers of every varint length alike.
    fn numbers() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(n, shift)| n >> shift)
    }

    /// A packet's buffer with `bytes` in it from `at` on, and other bytes around them.
    fn around(bytes: &[u8], at: usize) -> [u8; READER_BUF] {
        let mut buf = [0xA5; READER_BUF];
        buf[at..at + bytes.len()].copy_from_slice(bytes);
        buf
    }

    /// Where in a packet: at the begin, somewhere, or just at the end.
    fn place() -> impl Strategy<Value = usize> {
        prop_oneof![Just(0usize), 0usize..1000, Just(MAX_PACKET)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn numbers_are_what_postcard_writes_and_reads(n in numbers(), place in place()) {
            let mut buf = [0; PACKET_ROOM];
            let mut w = Writer::new(&mut buf, place);
            w.unsigned(n);
            w.signed(n as i64);
            let end = w.at();
            let (mut plain, mut zigzag) = ([0; 10], [0; 10]);
            let mut expected = postcard::to_slice(&n, &mut plain).unwrap().to_vec();
            expected.extend_from_slice(postcard::to_slice(&(n as i64), &mut zigzag).unwrap());
            prop_assert_eq!(&buf[place..end], &expected[..]);
            let at = place.min(MAX_PACKET - expected.len());
            let other = around(&expected, at);
            let mut r = Reader::new(&other, at, at + expected.len());
            prop_assert_eq!((r.u64(), r.i64(), r.is_sound(), r.is_at_end()), (n, n as i64, true, true));
        }

        #[test]
        fn narrow_numbers_refuse_what_does_not_fit(n in numbers(), place in place()) {
            let mut plain = [0; 10];
            let bytes = postcard::to_slice(&n, &mut plain).unwrap();
            let at = place.min(MAX_PACKET - bytes.len());
            let buf = around(bytes, at);
            let reader = Reader::new(&buf, at, at + bytes.len());
            let mut r = reader.clone();
            prop_assert_eq!((r.u32(), r.is_sound()), (n as u32, u32::try_from(n).is_ok()));
            let mut r = reader.clone();
            prop_assert_eq!((r.u16(), r.is_sound()), (n as u16, u16::try_from(n).is_ok()));
            let mut r = reader.clone();
            let narrow = postcard::from_bytes::<i32>(bytes).ok();
            prop_assert_eq!(Some(r.i32()).filter(|_| r.is_sound()), narrow);
        }

        #[test]
        fn arbitrary_bytes_read_as_postcard_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..14), place in place()) {
            let at = place.min(MAX_PACKET - bytes.len());
            let buf = around(&bytes, at);
            let mut r = Reader::new(&buf, at, at + bytes.len());
            let n = r.u64();
            let expected = postcard::take_from_bytes::<u64>(&bytes).ok().map(|(n, rest)| (n, rest.len()));
            prop_assert_eq!(r.is_sound().then(|| (n, r.rest().len())), expected);
        }
    }

    #[test]
    fn what_does_not_fit_counts_but_spoils_nothing() {
        let mut buf = [0xEE; PACKET_ROOM];
        let mut w = Writer::new(&mut buf, MAX_PACKET);
        w.bytes(&[1; PACKET_ROOM]);
        assert_eq!(w.at(), MAX_PACKET + PACKET_ROOM);
        let mut w = Writer::new(&mut buf, MAX_PACKET);
        while w.at() < MAX_PACKET + crate::link::MAX_RECORD {
            w.unsigned(u64::MAX);
        }
        assert_eq!(buf[..MAX_PACKET], [0xEE; MAX_PACKET]);
    }
}
