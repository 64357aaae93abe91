//! How many frames a magazine may hold and how many move at once: pure functions and their constants.

/// The most frames one magazine holds. 64 frame numbers are four cache lines (256 bytes); with batches of half of it one
/// visit to the pool, which costs about three cache misses, is spread over at least 32 allocations or frees.
pub const MAGAZINE_CAPACITY: usize = 64;

/// The most zeroed frames that are kept in stock: as many faults in a row need not clear their frame. 4 MiB, of which the list takes 4 KiB.
pub const STOCK_CAPACITY: usize = 1024;

/// The part of all frames that may be kept zeroed: 1/16. They count as free, but what is stored there for nothing is work done for nothing.
const ZEROED_PART: u32 = 16;

/// Frames are zeroed in advance only while at least this part of all lies in the pool, 1/8: near the limit a frame that is just being zeroed
/// would be missed by those who have to have one.
const ZEROING_PART: u32 = 8;

/// The part of all frames that may lie in magazines: 1/4. What lies there is reached by the other CPUs only by draining.
const CACHED_PART: u32 = 4;

/// How many frames each of `cpus` magazines may hold when there are `total` frames.
///
/// Even, so that half of it is a batch, and 0 for a pool so small that every frame has to stay in reach: then each
/// allocation goes to the pool.
pub(crate) fn magazine_limit(total: u32, cpus: usize) -> usize {
    let share = (total / CACHED_PART) as usize / cpus.max(1);
    share.min(MAGAZINE_CAPACITY) & !1
}

/// How many zeroed frames may be in stock when there are `total` frames.
pub(crate) fn stock_limit(total: u32) -> usize {
    ((total / ZEROED_PART) as usize).min(STOCK_CAPACITY)
}

/// Whether frames may be taken from a pool of `pool_free` of `total` frames to be zeroed.
pub(crate) fn may_zero(total: u32, pool_free: u32) -> bool {
    pool_free > total / ZEROING_PART
}

/// How many frames a refill puts into an empty magazine of this limit, besides the one handed out, when the pool then holds
/// `pool_free`.
///
/// Half the limit: what follows may be as many frees as allocations before the pool is visited again. Less when the pool runs
/// low: no more than half an equal share, so that the last frames are spread and not stranded.
pub(crate) fn refill_batch(limit: usize, pool_free: usize, cpus: usize) -> usize {
    (limit / 2).min(pool_free / (2 * cpus.max(1)))
}

/// How many frames stay in a full magazine of this limit when the rest is drained: half, see [`refill_batch`].
pub(crate) fn keep_after_drain(limit: usize) -> usize {
    limit / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magazines_together_never_hold_more_than_a_quarter() {
        for total in (0..5000).chain([65536, u32::MAX]) {
            for cpus in [1, 2, 3, 8, 64] {
                let limit = magazine_limit(total, cpus);
                assert!(
                    (limit * cpus) as u64 <= total as u64 / 4
                        && limit <= MAGAZINE_CAPACITY
                        && limit.is_multiple_of(2)
                );
            }
        }
    }

    #[test]
    fn the_stock_is_never_more_than_a_sixteenth() {
        for total in (0..5000).chain([65536, u32::MAX]) {
            let limit = stock_limit(total);
            assert!(limit as u64 <= total as u64 / 16 && limit <= STOCK_CAPACITY);
        }
        assert_eq!((stock_limit(15), stock_limit(16), stock_limit(65536)), (0, 1, STOCK_CAPACITY));
    }

    #[test]
    fn nothing_is_zeroed_in_advance_when_frames_are_few() {
        assert!(may_zero(8000, 1001) && !may_zero(8000, 1000) && !may_zero(0, 0));
    }

    #[test]
    fn a_large_pool_fills_whole_magazines_and_a_tiny_one_has_none() {
        assert_eq!(magazine_limit(65536, 8), MAGAZINE_CAPACITY);
        assert_eq!(magazine_limit(1215, 8), 36);
        assert_eq!(magazine_limit(40, 8), 0);
    }

    #[test]
    fn a_refill_takes_half_a_magazine_but_little_from_a_low_pool() {
        assert_eq!(refill_batch(64, 10_000, 8), 32);
        assert_eq!(refill_batch(64, 75, 8), 4);
        assert_eq!(refill_batch(64, 15, 8), 0);
        assert_eq!(refill_batch(0, 10_000, 8), 0);
    }
}
