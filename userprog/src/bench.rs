//! Measuring for the `bench-*` programs: ticks of the time-stamp counter, which under `--icount` are instructions.

use crate::{check, println};

/// The counter now.
#[inline(always)]
pub fn ticks() -> u64 {
    // SAFETY: reading the counter has no side effect, and the kernel leaves it to user mode.
    #[cfg(target_os = "none")]
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_os = "none"))]
    return 0;
}

/// Ticks of one operation.
#[inline(always)]
pub fn time(operation: impl FnOnce()) -> u64 {
    let before = ticks();
    operation();
    ticks() - before
}

/// Times of up to `N` repetitions.
pub struct Samples<const N: usize> {
    ticks: [u64; N],
    len: usize,
}

impl<const N: usize> Samples<N> {
    /// None yet.
    pub const fn new() -> Self {
        Self { ticks: [0; N], len: 0 }
    }

    /// One more.
    #[inline(always)]
    pub fn add(&mut self, ticks: u64) {
        check!(self.len < N, "more than {N} samples");
        self.ticks[self.len] = ticks;
        self.len += 1;
    }

    /// The middle one (the upper of two) and the mean. Samples may come in any order; a program that wants no samples is wrong.
    pub fn summary(&mut self) -> [u64; 2] {
        let times = &mut self.ticks[..self.len];
        check!(!times.is_empty(), "no sample");
        times.sort_unstable();
        [times[times.len() / 2], times.iter().sum::<u64>() / times.len() as u64]
    }

    /// Prints the line that `cargo xtask bench` reads: the time of a repetition without `overhead`, by `per` things that it did.
    pub fn report(&mut self, key: &str, overhead: [u64; 2], per: u64) {
        let [median, mean] = self.summary();
        let of = |time: u64, overhead: u64| time.saturating_sub(overhead) / per;
        println!(
            "bench {key} median {} mean {} samples {}",
            of(median, overhead[0]),
            of(mean, overhead[1]),
            self.len
        );
    }
}

impl<const N: usize> Default for Samples<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What measuring nothing takes: to be taken off each sample. The median twice: a timer tick among the samples is no overhead of the others.
pub fn overhead() -> [u64; 2] {
    let mut empty = Samples::<65>::new();
    for _ in 0..65 {
        empty.add(time(|| ()));
    }
    [empty.summary()[0]; 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_moves_the_mean_and_not_the_median() {
        let mut samples = Samples::<8>::new();
        for ticks in [1000, 3, 1, 2, 4] {
            samples.add(ticks);
        }
        assert_eq!(samples.summary(), [3, 202]);
    }
}
