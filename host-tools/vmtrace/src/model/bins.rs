//! How often something happened over time, in bounded memory whatever the length of the run.
//!
//! Key type: [`Bins`]. When the run outgrows the bins, neighbours are merged and each covers twice the time.

/// Lanes counted side by side for faults: a kind each.
pub const LANES: usize = fl_trace::event::FaultKind::VALUE_COUNT;

/// Bins kept at most; a power of two. More than any terminal is wide.
const CAPACITY: usize = 512;

/// Width of a bin at the start, as log2 of ticks: about 0.4 us at 2.4 GHz.
const FIRST_SHIFT: u32 = 10;

/// Counts per bin of time and lane. Bins lie on multiples of their width, so that bins of two objects can be compared.
#[derive(Clone, Debug)]
pub struct Bins<const N: usize = LANES> {
    /// log2 of a bin's width in ticks.
    shift: u32,
    /// Index of the first bin: time >> shift.
    first: u64,
    counts: Vec<[u32; N]>,
}

impl<const N: usize> Default for Bins<N> {
    fn default() -> Self {
        Self { shift: 0, first: 0, counts: Vec::new() }
    }
}

impl<const N: usize> Bins<N> {
    /// Counts one occurrence in `lane` at `time`, in ticks. Times may come in any order.
    pub fn add(&mut self, time: u64, lane: usize) {
        if self.counts.is_empty() {
            self.shift = FIRST_SHIFT;
            self.first = time >> self.shift;
        }
        loop {
            let bin = time >> self.shift;
            let first = self.first.min(bin);
            let last = bin.max(self.first + (self.counts.len() as u64).saturating_sub(1));
            if last - first < CAPACITY as u64 {
                if first < self.first {
                    let missing = (self.first - first) as usize;
                    self.counts.splice(0..0, std::iter::repeat_n([0; N], missing));
                    self.first = first;
                }
                let at = (bin - self.first) as usize;
                if at >= self.counts.len() {
                    self.counts.resize(at + 1, [0; N]);
                }
                self.counts[at][lane] = self.counts[at][lane].saturating_add(1);
                return;
            }
            self.halve();
        }
    }

    /// Merges neighbouring bins.
    fn halve(&mut self) {
        let first = self.first >> 1;
        let mut merged: Vec<[u32; N]> = Vec::with_capacity(self.counts.len() / 2 + 1);
        for (i, counts) in self.counts.iter().enumerate() {
            let at = ((self.first + i as u64) >> 1) - first;
            if at as usize == merged.len() {
                merged.push([0; N]);
            }
            for (sum, n) in merged[at as usize].iter_mut().zip(counts) {
                *sum = sum.saturating_add(*n);
            }
        }
        self.counts = merged;
        self.first = first;
        self.shift += 1;
    }

    /// Counts spread over `columns` equal parts of `from..to` ticks. A bin counts in the column of its middle.
    pub fn columns(&self, from: u64, to: u64, columns: usize) -> Vec<[u64; N]> {
        let mut out = vec![[0; N]; columns];
        let span = to.saturating_sub(from).max(1);
        for (i, counts) in self.counts.iter().enumerate() {
            let middle = ((self.first + i as u64) << self.shift) + (1 << self.shift) / 2;
            let middle = middle.clamp(from, from + span - 1);
            let column = (u128::from(middle - from) * columns as u128 / u128::from(span)) as usize;
            for (sum, n) in out[column].iter_mut().zip(counts) {
                *sum += u64::from(*n);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_bins_merge() {
        let mut bins = Bins::<LANES>::default();
        for i in 0..100_000u64 {
            bins.add(5_000_000 + i * 7919, i as usize % LANES);
        }
        assert!(bins.counts.len() <= CAPACITY);
        let columns = bins.columns(5_000_000, 5_000_000 + 100_000 * 7919, 60);
        for lane in 0..LANES {
            let added = (100_000 - lane).div_ceil(LANES) as u64;
            assert_eq!(columns.iter().map(|c| c[lane]).sum::<u64>(), added);
        }
    }

    #[test]
    fn earlier_times_may_come_later() {
        let mut bins = Bins::<LANES>::default();
        bins.add(1 << 40, 0);
        bins.add(0, 1);
        bins.add(1 << 39, 2);
        let columns = bins.columns(0, (1 << 40) + 1, 3);
        assert_eq!(columns.iter().map(|c| &c[..3]).collect::<Vec<_>>(), [[0, 1, 0], [0, 0, 1], [1, 0, 0]]);
    }
}
