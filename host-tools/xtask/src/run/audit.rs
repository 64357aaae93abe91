//! [`audit`]: what must hold after every orderly run, whatever programs it had.

use vmtrace::Trace;

use super::{End, Outcome};

/// What is wrong with a run as a whole, in one line, if anything is: it did not power off with its disk in order, something leaked, or its
/// trace is incomplete or breaks an invariant. Which programs were run is no matter.
///
/// The trace is complete only if the kernel was told not to lose events (`trace=block`).
pub fn audit(outcome: &Outcome, trace: &Trace) -> Option<String> {
    if outcome.end != End::PoweredOff {
        return outcome.complaint();
    }
    if outcome.disk.is_some() {
        return outcome.disk.clone();
    }
    if !outcome.console.contains("\nLeaks: none (") {
        return Some("something leaked: see the console's line that begins with Leaks:".to_owned());
    }
    if !outcome.console.ends_with("Powering off...\n") {
        return Some("the console ends early".to_owned());
    }
    if !trace.loss().is_complete() {
        return Some(format!("the trace is incomplete: {:?}", trace.loss()));
    }
    let report = trace.check();
    let broken = report.results.iter().filter(|(_, judged)| judged.broken > 0);
    let broken: Vec<String> = broken
        .map(|(rule, judged)| format!("{} ({} times): {:?}", rule.text(), judged.broken, judged.first))
        .collect();
    (!broken.is_empty()).then(|| format!("the trace breaks invariants: {}", broken.join("; ")))
}
