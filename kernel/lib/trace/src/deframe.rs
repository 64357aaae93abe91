//! Cutting a byte stream into frames at the delimiters: [`Deframer`]. Bounded memory, nothing lost silently.
//!
//! It only cuts; whether a frame is a packet says [`crate::decode::decode`]. After any damage it is in step again at
//! the next delimiter.

use crate::packet::{DELIMITER, MAX_FRAME};

/// Longest frame without its delimiter.
const MAX_BODY: usize = MAX_FRAME - 1;

/// A frame and where it stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// How many bytes of the stream stood before it.
    pub offset: u64,
    /// Its bytes, delimiter excluded; never empty.
    pub bytes: &'a [u8],
}

/// What was thrown away because it was too long for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Skipped {
    /// Runs between two delimiters that were too long.
    pub runs: u64,
    /// Their bytes, delimiters excluded.
    pub bytes: u64,
}

/// Turns chunks of any size into frames. Owns one frame's worth of memory.
///
/// Every byte pushed is in exactly one of: a frame given out, [`Deframer::delimiters`], [`Deframer::skipped`],
/// [`Deframer::pending`].
pub struct Deframer {
    /// The begin of a frame whose end has not come yet.
    partial: [u8; MAX_BODY],
    len: usize,
    /// Inside a run that is too long: its bytes are counted, not kept.
    skipping: bool,
    /// The last frame given out stands in `partial`, which is free again at the next call.
    given: bool,
    /// Bytes of the stream consumed so far.
    offset: u64,
    delimiters: u64,
    skipped: Skipped,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// At the begin of a stream.
    pub const fn new() -> Self {
        Self {
            partial: [0; MAX_BODY],
            len: 0,
            skipping: false,
            given: false,
            offset: 0,
            delimiters: 0,
            skipped: Skipped { runs: 0, bytes: 0 },
        }
    }

    /// Takes bytes off `chunk` up to the end of the next frame and gives that frame; `None` when the chunk is used up.
    ///
    /// ```
    /// # use fl_trace::decode::Deframer;
    /// let mut deframer = Deframer::new();
    /// let mut frames = 0;
    /// for mut chunk in [&b"\x02a\0\x03"[..], b"bc\0"] {
    ///     while let Some(frame) = deframer.next(&mut chunk) {
    ///         assert!(!frame.bytes.contains(&0));
    ///         frames += 1;
    ///     }
    /// }
    /// assert_eq!(frames, 2);
    /// ```
    pub fn next<'s, 'c: 's>(&'s mut self, chunk: &mut &'c [u8]) -> Option<Frame<'s>> {
        if core::mem::take(&mut self.given) {
            self.len = 0;
        }
        loop {
            let data = *chunk;
            let found = find_delimiter(data);
            let (body, rest) = data.split_at(found.unwrap_or(data.len()));
            let start = self.offset - self.len as u64;
            self.offset += body.len() as u64;
            if found.is_none() {
                *chunk = rest;
                self.keep(body);
                return None;
            }
            *chunk = rest.get(1..).unwrap_or(&[]);
            self.offset += 1;
            self.delimiters += 1;
            if self.len == 0 && !self.skipping && body.len() <= MAX_BODY {
                // The usual case: the whole frame is in this chunk and need not be copied.
                if !body.is_empty() {
                    return Some(Frame { offset: start, bytes: body });
                }
            } else {
                self.keep(body);
                if !core::mem::take(&mut self.skipping) {
                    self.given = true;
                    return self.partial.get(..self.len).map(|bytes| Frame { offset: start, bytes });
                }
            }
        }
    }

    /// Adds to the frame under construction, or gives it up when it gets too long.
    fn keep(&mut self, body: &[u8]) {
        if !self.skipping {
            if let Some(room) = self.partial.get_mut(self.len..self.len + body.len()) {
                room.copy_from_slice(body);
                self.len += body.len();
                return;
            }
            self.skipping = true;
            self.skipped.runs += 1;
            self.skipped.bytes += self.len as u64;
            self.len = 0;
        }
        self.skipped.bytes += body.len() as u64;
    }

    /// Bytes consumed so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Delimiters seen so far.
    pub fn delimiters(&self) -> u64 {
        self.delimiters
    }

    /// What was too long for a frame so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Bytes of a frame whose delimiter has not come yet. At the end of a stream: the part of a packet that was cut.
    pub fn pending(&self) -> usize {
        if self.given { 0 } else { self.len }
    }
}

/// Position of the first delimiter, eight bytes at a step.
fn find_delimiter(data: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, tail) = data.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest zero byte leaves the lowest top bit (bytes above it may be marked wrongly; they do not matter).
        let zeros = word.wrapping_sub(ONES) & !word & ONES << 7;
        if zeros != 0 {
            return Some(i * 8 + (zeros.trailing_zeros() >> 3) as usize);
        }
    }
    tail.iter().position(|&b| b == DELIMITER).map(|i| words.len() * 8 + i)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Everything that comes out when `stream` is pushed in pieces of the given sizes, and what is left pending.
    fn cut(stream: &[u8], sizes: &[usize]) -> (Vec<(u64, Vec<u8>)>, Deframer) {
        let mut deframer = Deframer::new();
        let mut frames = Vec::new();
        let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
        while !rest.is_empty() {
            let n = (*sizes.next().unwrap()).clamp(1, rest.len());
            let (mut chunk, later) = rest.split_at(n);
            rest = later;
            while let Some(f) = deframer.next(&mut chunk) {
                frames.push((f.offset, f.bytes.to_vec()));
            }
            assert!(chunk.is_empty(), "the deframer leaves nothing behind");
        }
        (frames, deframer)
    }

    /// The same by splitting the whole stream at once.
    fn model(stream: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut runs: Vec<&[u8]> = stream.split(|&b| b == DELIMITER).collect();
        runs.pop();
        let mut offset = 0;
        let mut frames = Vec::new();
        for run in runs {
            if !run.is_empty() && run.len() <= MAX_BODY {
                frames.push((offset, run.to_vec()));
            }
            offset += run.len() as u64 + 1;
        }
        frames
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn chunk_borders_do_not_matter_and_every_byte_is_accounted_for(
            runs in proptest::collection::vec(prop_oneof![
                4 => proptest::collection::vec(1u8.., 0..40),
                1 => proptest::collection::vec(1u8.., MAX_BODY - 2..MAX_BODY + 3),
                1 => proptest::collection::vec(1u8.., 2 * MAX_BODY..2 * MAX_BODY + 9),
            ], 0..8),
            sizes in proptest::collection::vec(prop_oneof![1usize..9, 1usize..3000], 1..8),
            ended: bool,
        ) {
            let mut stream = runs.join(&DELIMITER);
            if ended { stream.push(DELIMITER) }
            let (frames, d) = cut(&stream, &sizes);
            prop_assert_eq!(&frames, &model(&stream));
            let given: usize = frames.iter().map(|f| f.1.len()).sum();
            prop_assert_eq!(d.offset(), stream.len() as u64);
            prop_assert_eq!(given as u64 + d.delimiters() + d.skipped().bytes + d.pending() as u64, d.offset());
            let oversized = stream.split(|&b| b == DELIMITER).filter(|r| r.len() > MAX_BODY).count();
            prop_assert_eq!(d.skipped().runs, oversized as u64);
        }
    }

    #[test]
    fn the_delimiter_is_found_at_every_position() {
        for len in 0..40 {
            for at in 0..len {
                let mut data = std::vec![1u8; len];
                data[at] = 0;
                assert_eq!(find_delimiter(&data), Some(at));
                data[at..].fill(0);
                assert_eq!(find_delimiter(&data), Some(at));
            }
            assert_eq!(find_delimiter(&std::vec![0x80u8; len]), None);
            assert_eq!(find_delimiter(&std::vec![1u8; len]), None);
        }
    }
}
