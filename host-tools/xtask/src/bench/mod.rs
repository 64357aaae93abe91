//! The benchmark: what `cargo xtask bench` does.
//!
//! Programs of `userprog` (`bench-*`) time themselves on a machine that counts instructions ([`measure`]); [`table`] says which operations there are,
//! what each may take and where its number comes from; [`report`] puts the two together, for people and as JSON. But for the groups `host` and `smp` nothing is a
//! time of the host's: two runs of the same build give the same numbers.

mod measure;
mod report;
mod table;

pub use report::Report;
pub use table::Group;

use crate::{Artifacts, Result};

/// Runs the programs of these groups (none: of all) on one machine.
///
/// # Errors
/// The machine cannot be started, did not end in order, or its programs did not print what they measured.
pub fn run(artifacts: Artifacts, groups: &[Group]) -> Result<Report> {
    let rows: Vec<_> =
        table::ROWS.iter().filter(|row| groups.is_empty() || groups.contains(&row.group)).collect();
    let measured = measure::measure(artifacts, &rows)?;
    Report::new(&rows, &measured)
}
