//! What held and what did not, as a table, with the witnesses of the first broken invariant.

use crate::check::claim::{Claim, Judged};
use crate::check::{Invariant, Report};
use crate::model::clock::count_text;
use crate::view::paint::{Cell, Look, Table};
use crate::view::raw;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// The report as text.
pub fn text(report: &Report, look: &Look) -> String {
    let mut table = Table::new(&["no.", "invariant", "exercised", "unknown", "broken", ""]);
    for (invariant, judged) in &report.results {
        let (verdict, style) = verdict(*invariant, judged, report.lossy);
        table.row(vec![
            Cell::right(invariant.number().map_or(String::new(), |n| n.to_string())),
            Cell::left(invariant.text()),
            Cell::right(count_text(judged.exercised)),
            Cell::right(count_text(judged.unknown)),
            Cell::right(count_text(judged.broken)),
            Cell::left(verdict).style(style),
        ]);
    }
    let mut text = table.text(look);
    if let Some((invariant, claim)) = report.first_broken() {
        text += &format!("\n{} {}\n", look.bad("first broken:"), title(invariant));
        text += &witnesses(report, claim, look);
        for (other, judged) in &report.results {
            if let Some(claim) = judged.first.as_ref().filter(|_| *other != invariant) {
                text += &format!("\n{} {}\n", look.bad("also broken:"), title(*other));
                text += &witnesses(report, claim, look);
            }
        }
    }
    text
}

fn title(invariant: Invariant) -> String {
    match invariant.number() {
        Some(number) => format!("invariant {number}, {}", invariant.text()),
        None => invariant.text().into(),
    }
}

fn witnesses(report: &Report, claim: &Claim, look: &Look) -> String {
    let mut text = format!("  {}, at {}\n", claim.text, report.clock.moment(claim.at));
    for witness in &claim.witnesses {
        text += &format!(
            "  {}\n",
            raw::line(look, &report.clock, &report.processes, witness.cpu, &witness.stamped)
        );
    }
    text
}

fn verdict(invariant: Invariant, judged: &Judged, lossy: bool) -> (&'static str, Style) {
    match judged {
        Judged { broken: 1.., .. } => ("BROKEN", AnsiColor::Red.on_default().bold()),
        Judged { unknown: 1.., .. } => ("no breach seen, some unknown", AnsiColor::Yellow.on_default()),
        Judged { exercised: 0, .. } if invariant == Invariant::PinnedStays => {
            ("not exercised (trace=+pin tells of pins)", Style::new().dimmed())
        }
        Judged { exercised: 0, .. } => ("not exercised", Style::new().dimmed()),
        // Counters and clocks do not need every event.
        _ if lossy && !matches!(invariant, Invariant::BackToBoot | Invariant::TimeGoesOn) => {
            ("holds as far as seen", AnsiColor::Yellow.on_default())
        }
        _ => ("holds", AnsiColor::Green.on_default()),
    }
}

/// The report as JSON.
pub fn json(report: &Report, loss: Value) -> Value {
    let results: Vec<Value> = report
        .results
        .iter()
        .map(|(invariant, judged)| {
            json!({
                "number": invariant.number(), "invariant": invariant.text(), "exercised": judged.exercised,
                "unknown": judged.unknown, "broken": judged.broken,
                "first": judged.first.as_ref().map(|claim| json!({
                    "what": claim.text, "ticks": report.clock.since_boot(claim.at),
                    "witnesses": claim.witnesses.iter().map(|w| raw::json(&report.clock, w.cpu, &w.stamped)).collect::<Vec<_>>(),
                })),
            })
        })
        .collect();
    json!({"holds": report.holds(), "lossy": report.lossy, "invariants": results, "loss": loss})
}
