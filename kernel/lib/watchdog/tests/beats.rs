//! A CPU alone, on a host that gives it time as it likes, and a timer that catches up on what it was kept from.

use fl_watchdog::{Beat, Beats};
use proptest::prelude::*;

const PERIOD: u64 = 1000;
/// Beats in a row that make the CPU stuck.
const ENOUGH: u32 = 4;

/// Host's time in which the CPU runs, in ticks of its time-stamp counter.
const SLICE: u64 = 50;

/// The CPU does sections with interrupts off, each followed by a tick if one is due.
struct Cpu {
    beats: Beats,
    /// Instructions until interrupts are on again; `None`: never.
    left: Option<u64>,
    ticks: u64,
    strikes: u32,
}

impl Cpu {
    fn beat(&mut self, at: u64) {
        let deaf = self.left != Some(0);
        self.strikes = self.beats.beat(Beat { at, ticks: self.ticks, deaf }, PERIOD);
    }
}

proptest! {
    /// However late its beats come and however many at once, no section that is done within the beats' promise is taken for a hang.
    #[test]
    fn who_is_starved_is_not_stuck(
        slices in proptest::collection::vec((0u64..3000, 0u32..6), 1..200), section in 1u64..SLICE * (ENOUGH as u64 - 1)
    ) {
        let mut cpu = Cpu { beats: Beats::new(), left: Some(section), ticks: 0, strikes: 0 };
        let mut now = 0;
        for (pause, beats) in slices {
            now += pause;
            // The timer catches up while the CPU does its first instructions.
            (0..beats).for_each(|beat| cpu.beat(now + u64::from(beat)));
            prop_assert!(cpu.strikes < ENOUGH);
            now += SLICE;
            let left = cpu.left.unwrap_or(0);
            cpu.left = Some(left.saturating_sub(SLICE));
            if left <= SLICE {
                cpu.ticks += 1; // one is due by now
                cpu.left = Some(section);
            }
        }
    }

    /// Once it never turns interrupts on again, so many beats find that.
    #[test]
    fn who_hangs_is_found(pauses in proptest::collection::vec(PERIOD / 2..3 * PERIOD, ENOUGH as usize)) {
        let mut cpu = Cpu { beats: Beats::new(), left: Some(0), ticks: 5, strikes: 0 };
        cpu.beat(0);
        prop_assert_eq!(cpu.strikes, 0, "with interrupts on it is at work");
        cpu.left = None;
        let mut now = PERIOD;
        for (n, pause) in pauses.iter().enumerate() {
            cpu.beat(now);
            prop_assert_eq!(cpu.strikes, n as u32 + 1);
            now += pause;
        }
    }
}

#[test]
fn a_tick_in_between_shows_that_it_gets_on() {
    let beats = Beats::new();
    let deaf = |at, ticks| beats.beat(Beat { at, ticks, deaf: true }, PERIOD);
    assert_eq!([deaf(1000, 1), deaf(2000, 1), deaf(3000, 2), deaf(4000, 2), deaf(5000, 3)], [1, 2, 1, 2, 1]);
}
