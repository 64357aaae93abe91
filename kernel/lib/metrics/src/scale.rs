//! The scale: which values share a bucket.
//!
//! ```text
//! bucket 0..8      the values 0..8, one each
//! bucket 8k..8k+8  the values from 2^(k+2) up to 2^(k+3), in eight equal parts
//! the last bucket  everything from there on
//! ```

/// Binary logarithm of the buckets per doubling.
const SUB_BITS: u32 = 3;
/// Buckets per doubling.
pub const PER_OCTAVE: usize = 1 << SUB_BITS;
/// Values of so many bits and more share the last bucket: 2^40 ticks are minutes.
const TOP_BITS: u32 = 40;
/// How many buckets there are.
pub const BUCKETS: usize = (TOP_BITS - SUB_BITS + 1) as usize * PER_OCTAVE;

/// The bucket that `value` belongs to.
#[inline]
pub const fn bucket(value: u64) -> usize {
    const LARGEST: u64 = (1 << TOP_BITS) - 1;
    let value = if value > LARGEST { LARGEST } else { value };
    // Below the first doubling the steps are as fine as in it.
    let shift = (value | PER_OCTAVE as u64).ilog2() - SUB_BITS;
    shift as usize * PER_OCTAVE + (value >> shift) as usize
}

/// The smallest value of `bucket`. Of a bucket that does not exist: of the one behind the last.
pub const fn lowest(bucket: usize) -> u64 {
    if bucket < PER_OCTAVE {
        return bucket as u64;
    }
    let bucket = if bucket > BUCKETS { BUCKETS } else { bucket };
    let shift = bucket / PER_OCTAVE - 1;
    ((bucket % PER_OCTAVE + PER_OCTAVE) as u64) << shift
}

/// The largest value of `bucket`.
pub const fn highest(bucket: usize) -> u64 {
    if bucket + 1 >= BUCKETS { u64::MAX } else { lowest(bucket + 1) - 1 }
}

const _: () = assert!(bucket((1 << TOP_BITS) - 1) == BUCKETS - 1 && bucket(u64::MAX) == BUCKETS - 1);
