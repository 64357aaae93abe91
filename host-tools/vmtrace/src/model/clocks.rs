//! How the time-stamp counters of the CPUs stand to each other.
//!
//! Key type: [`Clocks`], from the hello. [`crate::wire::Intake`] corrects every event's time by it, and nobody else does; who puts events of different CPUs
//! in order asks it how far two times prove anything.

use fl_addr::CpuId;
use fl_trace::control::{CPUS_MAX, ClockOffset, Hello};

/// Two clocks of which nothing is known are so far apart: no order of times proves anything. Sums of a few do not wrap.
const ANY: u64 = u64::MAX / 8;

/// What is known of the clocks. Unless a hello told, nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clocks {
    offsets: [ClockOffset; CPUS_MAX],
    cpus: usize,
}

impl Default for Clocks {
    fn default() -> Self {
        let mut offsets = [ClockOffset::UNKNOWN; CPUS_MAX];
        offsets[0] = ClockOffset::NONE;
        Self { offsets, cpus: CPUS_MAX }
    }
}

impl Clocks {
    /// As the hello tells.
    pub fn of(hello: &Hello) -> Self {
        Self { offsets: hello.clocks, cpus: usize::from(hello.cpus).clamp(1, CPUS_MAX) }
    }

    fn offset(&self, cpu: CpuId) -> ClockOffset {
        self.offsets.get(usize::from(cpu.0)).copied().unwrap_or(ClockOffset::UNKNOWN)
    }

    /// CPU 0's time when `cpu`'s counter shows `tsc`.
    #[inline]
    pub fn corrected(&self, cpu: CpuId, tsc: u64) -> u64 {
        match self.offset(cpu).correction() {
            0 => tsc,
            ahead => tsc.saturating_add_signed(ahead.saturating_neg()),
        }
    }

    /// By how many ticks corrected times of two CPUs may differ at the same moment: an order closer than that proves nothing.
    pub fn apart(&self, a: CpuId, b: CpuId) -> u64 {
        let unsure = |cpu| match self.offset(cpu).uncertainty {
            u32::MAX => ANY,
            ticks => ticks.into(),
        };
        if a == b { 0 } else { unsure(a) + unsure(b) }
    }

    /// The most that it can be between any two CPUs of the machine.
    pub fn most_apart(&self) -> u64 {
        let cpus = || (0..self.cpus as u8).map(CpuId);
        cpus().flat_map(|a| cpus().map(move |b| self.apart(a, b))).max().unwrap_or(0)
    }

    /// Whether the times of all CPUs can be compared.
    pub fn known(&self) -> bool {
        self.offsets[..self.cpus].iter().all(|offset| offset.uncertainty != u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(offsets: &[(i64, u32)]) -> Clocks {
        let mut clocks = Clocks { cpus: offsets.len(), ..Clocks::default() };
        for (to, &(ahead, uncertainty)) in clocks.offsets.iter_mut().zip(offsets) {
            *to = ClockOffset { ahead, uncertainty };
        }
        clocks
    }

    #[test]
    fn a_clock_that_is_ahead_is_set_back_if_it_is_so_for_sure() {
        let clocks = clocks(&[(0, 0), (5000, 40), (-5000, 40), (39, 40)]);
        let corrected: Vec<u64> = (0..4).map(|cpu| clocks.corrected(CpuId(cpu), 100_000)).collect();
        assert_eq!(corrected, [100_000, 95_000, 105_000, 100_000]);
        assert_eq!(clocks.corrected(CpuId(1), 3000), 0, "before CPU 0 began");
        assert_eq!(clocks.corrected(CpuId(200), 3000), 3000, "no such CPU");
    }

    #[test]
    fn two_clocks_are_as_uncertain_as_both_together() {
        let clocks = clocks(&[(0, 0), (5000, 40), (-5000, 70)]);
        let apart = |a, b| clocks.apart(CpuId(a), CpuId(b));
        assert_eq!((apart(0, 0), apart(1, 1), apart(0, 1), apart(2, 1)), (0, 0, 40, 110));
        assert_eq!((clocks.most_apart(), clocks.known()), (110, true));
    }

    #[test]
    fn of_what_was_not_told_nothing_is_known() {
        let clocks = Clocks::default();
        assert!(!clocks.known() && clocks.apart(CpuId(0), CpuId(1)) >= ANY);
        assert_eq!(clocks.apart(CpuId(3), CpuId(3)), 0);
        assert!(clocks.most_apart().checked_mul(2).is_some());
        assert_eq!(Clocks { cpus: 1, ..clocks }.most_apart(), 0, "one CPU agrees with itself");
    }
}
