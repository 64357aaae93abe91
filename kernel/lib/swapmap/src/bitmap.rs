//! A fixed number of bits, searched a word at a time.

use alloc::vec::Vec;

/// `len` bits, all clear at first. Bits beyond the end in the last word are clear and never looked at.
#[derive(Debug)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    len: u32,
}

impl Bitmap {
    /// `None`: no memory.
    pub(crate) fn new(len: u32) -> Option<Self> {
        let mut words = Vec::new();
        let needed = len.div_ceil(64) as usize;
        words.try_reserve_exact(needed).ok()?;
        words.resize(needed, 0);
        Some(Self { words, len })
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// `None`: there is no such bit.
    pub(crate) fn get(&self, at: u32) -> Option<bool> {
        (at < self.len).then(|| self.words[at as usize / 64] >> (at % 64) & 1 == 1)
    }

    pub(crate) fn set(&mut self, at: u32) {
        self.words[at as usize / 64] |= 1 << (at % 64);
    }

    pub(crate) fn clear(&mut self, at: u32) {
        self.words[at as usize / 64] &= !(1 << (at % 64));
    }

    /// The lowest set bit at or after `from`.
    pub(crate) fn next_set(&self, from: u32) -> Option<u32> {
        self.next(from, 0)
    }

    /// The lowest clear bit at or after `from`.
    pub(crate) fn next_clear(&self, from: u32) -> Option<u32> {
        self.next(from, u64::MAX)
    }

    /// The lowest bit at or after `from` that differs from those of `flip`.
    fn next(&self, from: u32, flip: u64) -> Option<u32> {
        let first = from as usize / 64;
        let mut mask = u64::MAX << (from % 64);
        for (n, word) in self.words.iter().enumerate().skip(first) {
            let found = (word ^ flip) & mask;
            if found != 0 {
                let at = n as u32 * 64 + found.trailing_zeros();
                return (at < self.len).then_some(at);
            }
            mask = u64::MAX;
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn searches_agree_with_looking_at_every_bit() {
        for len in [0, 1, 63, 64, 65, 200] {
            for pattern in 0..50u32 {
                let mut bits = Bitmap::new(len).unwrap();
                let mut plain = vec![false; len as usize];
                for at in (0..len).filter(|at| (at * 7 + pattern * 13) % 11 < pattern % 12) {
                    bits.set(at);
                    plain[at as usize] = true;
                }
                for from in 0..len + 70 {
                    let find = |value| (from..len).find(|&at| plain[at as usize] == value);
                    assert_eq!((bits.next_set(from), bits.next_clear(from)), (find(true), find(false)));
                    assert_eq!(bits.get(from), plain.get(from as usize).copied());
                }
            }
        }
    }
}
