//! [`FixedHash`]: hashing of page numbers and the like. Fixed, so that two runs of one workload walk their tables in the same order.

use core::hash::{BuildHasher, Hasher};

/// Makes [`FixedHasher`]s, all alike.
#[derive(Clone, Copy, Default, Debug)]
pub struct FixedHash;

impl BuildHasher for FixedHash {
    type Hasher = FixedHasher;

    #[inline]
    fn build_hasher(&self) -> FixedHasher {
        FixedHasher(0)
    }
}

/// Hashes integers, for each two rounds of a multiplication, which carries low bits upwards, and a shift, which brings high bits down,
/// so that page numbers in strides of a power of two still spread. A process that looks for collisions slows itself only.
#[derive(Clone, Copy, Debug)]
pub struct FixedHasher(u64);

/// 2^64 divided by the golden ratio, odd: consecutive multiples are far apart (Knuth, TAOCP vol. 3, 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for FixedHasher {
    #[inline]
    fn write_u64(&mut self, n: u64) {
        let mut hash = self.0 ^ n;
        for _ in 0..2 {
            hash = hash.wrapping_mul(GOLDEN);
            hash ^= hash >> 32;
        }
        self.0 = hash;
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fl_addr::Vpn;

    /// hashbrown picks the bucket by the low bits and tells keys of one group apart by the top seven.
    #[test]
    fn pages_in_any_power_of_two_stride_spread_over_the_buckets() {
        for shift in 0..24 {
            let (mut buckets, mut tags) = ([false; 1024], [false; 128]);
            for i in 0..1024u64 {
                let hash = FixedHash.hash_one(Vpn(i << shift));
                buckets[hash as usize % 1024] = true;
                tags[(hash >> 57) as usize] = true;
            }
            let filled = |used: &[bool]| used.iter().filter(|&&u| u).count();
            // Random hashing fills 1 - 1/e = 63 % of as many buckets as keys, and every tag.
            assert!(filled(&buckets) > 600, "stride 2^{shift}: {} of 1024 buckets", filled(&buckets));
            assert!(filled(&tags) > 120, "stride 2^{shift}: {} of 128 tags", filled(&tags));
        }
    }
}
