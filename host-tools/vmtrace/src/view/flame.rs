//! The flamegraph of fault latency as SVG: the same bytes for the same trace.

use crate::error::Error;
use crate::model::clock::count_text;
use crate::model::flame::Flame;
use crate::view::damage::plural;
use inferno::flamegraph::{self, Options};
use std::io::Write;

/// Draws `lines` (of [`Flame::folded`]) into `out`. `missing`: events that are not in the trace.
///
/// # Errors
/// Those of writing.
pub fn svg(flame: &Flame, lines: &[String], missing: u64, place: &str, out: impl Write) -> Result<(), Error> {
    let mut options = Options::default();
    options.title = "Time in page faults: process, kind, stage".into();
    let speed = flame.clock.hz.map_or(String::new(), |hz| {
        format!("; 1,000 ticks are {}", crate::model::clock::nanos_text(1e12 / hz as f64))
    });
    let missing = if missing > 0 {
        format!("; up to {} faults are missing", count_text(missing))
    } else {
        String::new()
    };
    options.subtitle = Some(format!(
        "{}; width is ticks of the time-stamp counter{speed}{missing}",
        plural(flame.faults, "fault")
    ));
    options.count_name = "ticks".into();
    options.name_type = "Stage:".into();
    options.hash = true;
    options.deterministic = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
        .map_err(|e| Error::io("cannot write", place, e))
}
