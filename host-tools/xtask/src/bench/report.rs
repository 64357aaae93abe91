//! [`Report`]: rows and numbers together, as a table for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::measure::{Measured, Number};
use super::table::{Row, Source};
use crate::{Error, Result};

/// The table with its numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    rows: Vec<(Row, Option<Number>)>,
}

impl Report {
    /// # Errors
    /// A program did not print what it was to measure.
    pub(super) fn new(rows: &[&Row], measured: &Measured) -> Result<Self> {
        let number = |row: &Row| match row.source {
            Source::NotYet(_) => Ok(None),
            Source::Wire => Ok(measured.bytes_per_event.map(|median| Number { median, mean: None })),
            Source::Kernel { key } => find(&measured.kernel, "the kernel", key).map(Some),
            Source::Drain => Ok(measured.drain.map(|median| Number { median, mean: None })),
            Source::MachineWide { program, key } => {
                let traced = find(&measured.traced, program, key)?;
                Ok(measured.drain.map(|drain| Number { median: traced.median + drain, mean: None }))
            }
            Source::Host(time) => Ok(measured.host(time).map(|median| Number { median, mean: None })),
            Source::Program { program, key } => find(&measured.plain, program, key).map(Some),
            Source::TwoProcessors { program, key } => {
                measured.on_two(program, key, None).map(Some).ok_or_else(|| unmeasured(program, key))
            }
            Source::TwoAgainst { program, key, other } => {
                measured.on_two(program, key, Some(other)).map(Some).ok_or_else(|| unmeasured(program, key))
            }
            Source::Pressure { program, key } => find(&measured.pressed, program, key).map(Some),
            Source::Recording { program, key } => {
                let plain = find(&measured.plain, program, key)?;
                let traced = find(&measured.traced, program, key)?;
                Ok(Some(Number { median: traced.median - plain.median, mean: None }))
            }
        };
        let rows = rows.iter().map(|&row| Ok((*row, number(row)?))).collect::<Result<_>>()?;
        Ok(Self { rows })
    }

    /// A line per row.
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|(row, _)| row.operation.len()).max().unwrap_or(0);
        let mut text = format!(
            "{:<width$}  {:>8}  {:>8}  {:>8}  verdict\n",
            "guest instructions", "measured", "(mean)", "target"
        );
        for (row, number) in &self.rows {
            let (median, mean) = match number {
                Some(Number { median, mean }) => (shown(*median), mean.map(|(mean, _)| format!("({mean})"))),
                None => ("-".to_owned(), None),
            };
            let mean = mean.unwrap_or_else(|| "-".to_owned());
            let _ = write!(text, "{:<width$}  {median:>8}  {mean:>8}  ", row.operation);
            let _ = write!(text, "{:>8}  {}", target(row), verdict(row, number.as_ref()));
            match (row.source, row.note) {
                (Source::NotYet(what), _) => drop(writeln!(text, " ({what})")),
                (_, "") => text.push('\n'),
                (_, note) => drop(writeln!(text, "  [{note}]")),
            }
        }
        text
    }

    /// All of it for programs.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|(row, number)| {
            let mean = number.and_then(|number| number.mean);
            json!({
                "group": row.group.name(),
                "operation": row.operation,
                "note": row.note,
                "median": number.map(|number| number.median),
                "mean": mean.map(|(mean, _)| mean),
                "samples": mean.map(|(_, samples)| samples),
                "target": row.target,
                "verdict": verdict(row, number.as_ref()),
            })
        });
        json!({ "rows": rows.collect::<Vec<_>>() })
    }
}

fn find(numbers: &BTreeMap<String, Number>, program: &str, key: &str) -> Result<Number> {
    numbers.get(key).copied().ok_or_else(|| unmeasured(program, key))
}

fn unmeasured(program: &str, key: &str) -> Error {
    Error::Bench { why: format!("{program} ended without measuring {key}") }
}

fn shown(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number}") } else { format!("{number:.2}") }
}

/// How the target reads: but for rates a row is the better the less it takes.
fn target(row: &Row) -> String {
    match row.source {
        Source::NotYet(_) => "-".to_owned(),
        _ if row.is_rate() => format!(">= {}", row.target),
        _ => format!("<= {}", row.target),
    }
}

fn verdict(row: &Row, number: Option<&Number>) -> &'static str {
    match number {
        None => "not yet",
        Some(number) if row.is_rate() && number.median >= row.target as f64 => "met",
        Some(_) if row.is_rate() => "under",
        Some(number) if number.median <= row.target as f64 => "met",
        Some(_) => "over",
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::ROWS;
    use super::*;

    fn measured(median: f64) -> Measured {
        let keys = ROWS.iter().filter_map(|row| match row.source {
            Source::Program { key, .. }
            | Source::Recording { key, .. }
            | Source::Pressure { key, .. }
            | Source::MachineWide { key, .. } => Some(key.to_owned()),
            _ => None,
        });
        let number = Number { median, mean: Some((median as u64, 1)) };
        let plain: BTreeMap<_, _> = keys.map(|key| (key, number)).collect();
        let kernel = ROWS.iter().filter_map(|row| match row.source {
            Source::Kernel { key } => Some((key.to_owned(), number)),
            _ => None,
        });
        let kernel = kernel.collect();
        let slower = plain.iter().map(|(key, n)| (key.clone(), Number { median: n.median + 60.0, ..*n }));
        let pairs = ROWS.iter().filter_map(|row| match row.source {
            Source::TwoProcessors { program, .. } => Some(program),
            _ => None,
        });
        let on = |n: f64| {
            ["faults-side-by-side", "computing-side-by-side"]
                .map(|key| (key.to_owned(), Number { median: n, mean: None }))
        };
        let pairs =
            pairs.map(|program| (program, vec![[on(1e4), on(1e6 / median)].map(BTreeMap::from)])).collect();
        Measured {
            traced: slower.collect(),
            pressed: plain.clone(),
            plain,
            kernel,
            pairs,
            bytes_per_event: Some(12.5),
            drain: Some(250.0),
            first_program: Some(median),
            decoded: Some([median; 2]),
        }
    }

    #[test]
    fn recording_costs_what_the_trace_adds() {
        let rows: Vec<&Row> =
            ROWS.iter().filter(|row| matches!(row.source, Source::Recording { .. })).collect();
        let report = Report::new(&rows, &measured(500.0)).unwrap().json();
        assert_eq!(report["rows"][0]["median"], 60.0);
        assert_eq!(report["rows"][0]["verdict"], "met");
    }

    #[test]
    fn a_target_is_met_up_to_its_number_and_no_further() {
        let rows: Vec<&Row> = ROWS.iter().filter(|row| row.target == 1100).collect();
        for (median, word) in [(1100.0, "met"), (1101.0, "over")] {
            let report = Report::new(&rows, &measured(median)).unwrap();
            for row in report.json()["rows"].as_array().unwrap() {
                assert_eq!(row["verdict"], word, "{row}");
            }
        }
    }

    #[test]
    fn a_rate_has_to_reach_its_target() {
        let of_two = |row: &Row| matches!(row.source, Source::TwoAgainst { .. }); // a rate of rates: `measure`'s own test
        let rows: Vec<&Row> = ROWS.iter().filter(|row| row.is_rate() && !of_two(row)).collect();
        for (median, word) in [(500.0, "met"), (19.0, "under")] {
            let report = Report::new(&rows, &measured(median)).unwrap();
            assert!(report.table().contains(">= 500"));
            assert!(report.json()["rows"].as_array().unwrap().iter().all(|row| row["verdict"] == word));
        }
    }

    #[test]
    fn what_is_not_there_is_said_to_be_so_and_what_was_not_measured_is_an_error() {
        let rows: Vec<&Row> = ROWS.iter().collect();
        let table = Report::new(&rows, &measured(1.0)).unwrap().table();
        assert_eq!(table.lines().count(), ROWS.len() + 1);
        assert!(table.contains("not yet (a port whose limit is told)"), "{table}");
        let error = Report::new(&rows, &Measured::default()).unwrap_err().to_string();
        assert!(error.contains("bench-syscall ended without measuring syscall-empty"), "{error}");
    }
}
