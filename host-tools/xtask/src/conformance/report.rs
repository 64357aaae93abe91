//! [`Report`]: all verdicts, as a table for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Judged, Verdict};

/// The verdicts of a suite.
#[derive(Clone, Debug)]
pub struct Report {
    judged: Vec<Judged>,
    /// What went wrong with machines that ran several scenarios, each of which is well alone.
    together: Vec<String>,
}

impl Report {
    /// Puts the verdicts into the table's order.
    pub(super) fn new(mut judged: Vec<Judged>, together: Vec<String>) -> Self {
        let place = |name| scenarios::table::all().position(|scenario| scenario.name == name);
        judged.sort_by_key(|judged| place(judged.scenario.name));
        Self { judged, together }
    }

    /// The verdicts, in the table's order.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// The names of the scenarios that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        let failed = self.judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Fail { .. }));
        failed.map(|judged| judged.scenario.name)
    }

    /// Whether nothing failed (what was not run has not failed) and something was run.
    pub fn is_good(&self) -> bool {
        let count = self.counts();
        count.fail == 0 && self.together.is_empty() && count.pass > 0
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for judged in &self.judged {
            match judged.verdict {
                Verdict::Pass => counts.pass += 1,
                Verdict::Fail { .. } => counts.fail += 1,
                Verdict::NotYet(_) => counts.not_yet += 1,
                Verdict::Missing(_) => counts.missing += 1,
            }
        }
        counts
    }

    /// A line per scenario, then each failure with the end of its console, then the sums.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<14}  {:<7}  {:>8}  {:>7}  {:>9}\n",
            "scenario", "verdict", "time", "faults", "evictions"
        );
        for judged in &self.judged {
            text += &line(judged);
        }
        text + &self.failures() + &format!("\n{}\n", self.sums())
    }

    /// Each failure with the end of its console.
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for judged in &self.judged {
            if let Verdict::Fail { why, tail } = &judged.verdict {
                let _ = write!(
                    text,
                    "\nFAIL {}: {why}\n--- the console's last lines ---\n{tail}\n---\n",
                    judged.scenario.name
                );
            }
        }
        for trouble in &self.together {
            let _ = write!(text, "\nFAIL, though each scenario passes alone: {trouble}\n");
        }
        text
    }

    /// The sums in a line.
    pub fn sums(&self) -> String {
        let Counts { pass, fail, not_yet, missing } = self.counts();
        let mut text = format!("{pass} of {} scenarios pass", pass + fail);
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        };
        add(fail, "FAIL");
        add(self.together.len(), "boots FAIL only as a whole");
        add(not_yet, "not yet (need a part of the kernel that is not there)");
        add(missing, "missing");
        text
    }

    /// All of it for programs.
    pub fn json(&self) -> Value {
        let Counts { pass, fail, not_yet, missing } = self.counts();
        json!({
            "pass": pass, "fail": fail, "not_yet": not_yet, "missing": missing, "together": self.together,
            "scenarios": self.judged.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

#[derive(Default)]
struct Counts {
    pass: usize,
    fail: usize,
    not_yet: usize,
    missing: usize,
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail { .. } => "FAIL",
        Verdict::NotYet(_) => "not yet",
        Verdict::Missing(_) => "missing",
    }
}

fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Pass => None,
        Verdict::Fail { why, .. } => Some(why.clone()),
        Verdict::NotYet(part) => Some(format!("needs part {part:?} of the kernel")),
        Verdict::Missing(what) => Some(what.clone()),
    }
}

/// One row.
fn line(judged: &Judged) -> String {
    let (name, verdict) = (judged.scenario.name, word(&judged.verdict));
    let [time, faults, evictions] = match judged.cost {
        Some(cost) => [format!("{:.3} s", cost.seconds), cost.faults.to_string(), cost.evictions.to_string()],
        None => ["-"; 3].map(str::to_owned),
    };
    let why = reason(&judged.verdict).map(|why| format!("  {why}")).unwrap_or_default();
    let row = format!("{name:<14}  {verdict:<7}  {time:>8}  {faults:>7}  {evictions:>9}{why}");
    row.trim_end().to_owned() + "\n"
}

fn entry(judged: &Judged) -> Value {
    let tail = match &judged.verdict {
        Verdict::Fail { tail, .. } => Some(tail),
        _ => None,
    };
    json!({
        "scenario": judged.scenario.name,
        "group": judged.scenario.group.folder(),
        "part": format!("{:?}", judged.scenario.part),
        "verdict": word(&judged.verdict).to_lowercase(),
        "reason": reason(&judged.verdict),
        "seconds": judged.cost.map(|cost| cost.seconds),
        "faults": judged.cost.map(|cost| cost.faults),
        "evictions": judged.cost.map(|cost| cost.evictions),
        "console_tail": tail,
    })
}
