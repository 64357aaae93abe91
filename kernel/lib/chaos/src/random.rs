//! Numbers that look drawn: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), which is one word of state.

use fl_addr::CpuId;

/// The odd constant by which the state goes on: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of SplitMix64: each bit of the input changes half of the output's.
pub const fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One processor's numbers. A word, so that it can be kept in an atomic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream(u64);

impl Stream {
    /// That of `cpu` in runs with `seed`.
    pub const fn of(seed: u64, cpu: CpuId) -> Self {
        Self(mix(mix(seed) ^ cpu.0 as u64))
    }

    /// As [`to_word`](Self::to_word) gave it.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// All that it is.
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        drawn
    }

    /// The next number below `bound`, which is not 0. Its low bits are a little likelier, by less than `bound` in 2^32.
    pub const fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * bound as u64) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_splitmix64() {
        // The first numbers of the reference implementation from state 1234567.
        let mut stream = Stream::from_word(1_234_567);
        let drawn = [0; 3].map(|_| stream.next());
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn processors_and_seeds_have_numbers_of_their_own() {
        let first = |seed, cpu| Stream::of(seed, CpuId(cpu)).next();
        let mut all: [u64; 32] = core::array::from_fn(|i| first(i as u64 / 8, i as u8 % 8));
        all.sort_unstable();
        assert!(all.is_sorted_by(|a, b| a < b), "two are the same");
    }

    proptest! {
        #[test]
        fn a_word_keeps_all_of_it(seed: u64, cpu in 0..8u8, bound in 1..u32::MAX) {
            let mut stream = Stream::of(seed, CpuId(cpu));
            stream.next();
            let mut copy = Stream::from_word(stream.to_word());
            prop_assert_eq!(stream.next(), copy.next());
            prop_assert!(stream.below(bound) < bound);
        }
    }
}
