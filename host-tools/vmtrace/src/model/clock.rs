//! Turns ticks of the time-stamp counter into times that people read.
//!
//! Key type: [`Clock`], made from the run's hello. Without a hello every time stays in ticks, and says so.

use fl_trace::control::Hello;

/// The run's clock: how long a tick is and when the run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    /// Ticks per second, if a hello told it.
    pub hz: Option<u64>,
    /// The counter's value at boot; 0 if unknown.
    pub boot: u64,
}

impl Clock {
    /// The clock that a hello describes. A frequency of zero counts as unknown.
    pub fn of(hello: &Hello) -> Self {
        Self { hz: (hello.tsc_hz != 0).then_some(hello.tsc_hz), boot: hello.tsc_boot }
    }

    /// `ticks` in nanoseconds, if the frequency is known.
    pub fn nanos(&self, ticks: u64) -> Option<f64> {
        self.hz.map(|hz| ticks as f64 * 1e9 / hz as f64)
    }

    /// Ticks in `nanos`, if the frequency is known; saturating.
    pub fn ticks(&self, nanos: f64) -> Option<u64> {
        self.hz.map(|hz| (nanos * hz as f64 / 1e9).round() as u64)
    }

    /// Ticks since boot of the moment `tsc`; 0 for a moment before boot (the counters of CPUs may differ a little).
    pub fn since_boot(&self, tsc: u64) -> u64 {
        tsc.saturating_sub(self.boot)
    }

    /// A duration with three significant digits: `412 ns`, `1.23 us`, `12.3 ms`; `1234 ticks` without a frequency.
    pub fn duration(&self, ticks: u64) -> String {
        match self.nanos(ticks) {
            Some(nanos) => nanos_text(nanos),
            None => format!("{ticks} ticks"),
        }
    }

    /// A moment as milliseconds since boot with microseconds behind the point: `12.345 ms`; else ticks.
    pub fn moment(&self, tsc: u64) -> String {
        match self.nanos(self.since_boot(tsc)) {
            Some(nanos) => format!("{:.3} ms", nanos / 1e6),
            None => format!("{} ticks", self.since_boot(tsc)),
        }
    }
}

/// Nanoseconds with three significant digits and a unit.
pub fn nanos_text(nanos: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")];
    // The unit is chosen after rounding to three digits, so that 999.9 ns reads 1.00 us.
    let mut chosen = UNITS[0];
    for unit in &UNITS[1..] {
        if nanos >= unit.0 * 0.9995 {
            chosen = *unit;
        }
    }
    let value = nanos / chosen.0;
    let digits = match value {
        _ if chosen.1 == "ns" => 0,
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", chosen.1)
}

/// A whole number with thousands separated by commas.
pub fn count_text(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_and_step_up_units_after_rounding() {
        let cases = [
            (0.0, "0 ns"),
            (412.0, "412 ns"),
            (999.9, "1.00 us"),
            (1234.0, "1.23 us"),
            (12_345.0, "12.3 us"),
        ];
        for (nanos, text) in cases {
            assert_eq!(nanos_text(nanos), text);
        }
        assert_eq!(nanos_text(123_456.0), "123 us");
        assert_eq!(nanos_text(999_960.0), "1.00 ms");
        assert_eq!(nanos_text(2.5e9), "2.50 s");
    }

    #[test]
    fn without_a_frequency_times_are_ticks() {
        let clock = Clock::default();
        assert_eq!(clock.duration(77), "77 ticks");
        assert_eq!(clock.nanos(77), None);
        let clock = Clock { hz: Some(2_000_000_000), boot: 1000 };
        assert_eq!(clock.moment(2_001_000), "1.000 ms");
        assert_eq!(clock.moment(10), "0.000 ms");
        assert_eq!(clock.ticks(500.0), Some(1000));
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(count_text(0), "0");
        assert_eq!(count_text(999), "999");
        assert_eq!(count_text(1_234_567), "1,234,567");
    }
}
