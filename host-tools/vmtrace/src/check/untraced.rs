//! Stretches of time in which the kernel was told not to trace what the invariants are judged by.

use super::claim::Docket;
use fl_trace::class::Classes;

/// What is known of the classes that are traced.
#[derive(Default)]
pub struct Untraced {
    /// Since when events are left out, if they are.
    since: Option<u64>,
    /// When the classes were last known.
    known: u64,
}

impl Untraced {
    /// A hello told the classes, at `tsc`. If they are other than expected, the event that told of the change is lost, and it may have
    /// happened at any time since they were last known.
    pub fn told(&mut self, tsc: u64, classes: Classes, docket: &mut Docket) {
        let complete = classes.covers(Classes::USUAL);
        if complete == self.since.is_some() {
            self.set(if complete { tsc } else { self.known }, complete, docket);
        }
        self.known = self.known.max(tsc);
    }

    /// The classes were changed at `tsc`.
    pub fn changed(&mut self, tsc: u64, classes: Classes, docket: &mut Docket) {
        self.set(tsc, classes.covers(Classes::USUAL), docket);
        self.known = self.known.max(tsc);
    }

    /// The run is over.
    pub fn end(self, docket: &mut Docket) {
        if let Some(since) = self.since {
            docket.gap(since, u64::MAX);
        }
    }

    fn set(&mut self, at: u64, complete: bool, docket: &mut Docket) {
        match (self.since, complete) {
            (None, false) => self.since = Some(at),
            (Some(since), true) => {
                docket.gap(since, at);
                self.since = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Invariant;
    use crate::check::claim::Claim;
    use crate::model::clocks::Clocks;
    use crate::synth::Run;

    fn one_cpu() -> Docket {
        let mut docket = Docket::default();
        docket.clocks = Clocks::of(&Run::empty(1).hello);
        docket
    }

    /// Whether a claim about the times from `since` to `at` is left open.
    fn is_open(docket: Docket, since: u64, at: u64) -> bool {
        let mut docket = docket;
        let text = String::new();
        let claim =
            Claim { invariant: Invariant::OneFrame, since, at, certain: false, text, witnesses: vec![] };
        docket.claim(claim);
        let judged = docket.judge();
        let (_, of) = judged.iter().find(|(invariant, _)| *invariant == Invariant::OneFrame).unwrap();
        of.unknown == 1 && of.broken == 0
    }

    #[test]
    fn what_lies_between_two_choices_is_unknown_and_nothing_else() {
        let docket = || {
            let mut docket = one_cpu();
            let mut untraced = Untraced::default();
            untraced.told(0, Classes::USUAL, &mut docket);
            untraced.changed(1_000_000, Classes::NONE, &mut docket);
            untraced.told(1_500_000, Classes::NONE, &mut docket); // as was said
            untraced.changed(2_000_000, Classes::USUAL, &mut docket);
            untraced.end(&mut docket);
            docket
        };
        assert!(is_open(docket(), 900_000, 1_100_000));
        assert!(is_open(docket(), 1_200_000, 1_300_000));
        assert!(!is_open(docket(), 100_000, 900_000));
        assert!(!is_open(docket(), 2_100_000, 2_200_000));
    }

    #[test]
    fn a_choice_that_was_lost_is_learned_from_the_next_hello() {
        let mut docket = one_cpu();
        let mut untraced = Untraced::default();
        untraced.told(0, Classes::USUAL, &mut docket);
        untraced.told(1_000_000, Classes::USUAL, &mut docket);
        untraced.told(2_000_000, Classes::NONE, &mut docket);
        untraced.end(&mut docket);
        assert!(is_open(docket, 1_100_000, 1_200_000), "at any time since the last hello");
    }

    #[test]
    fn a_run_that_never_traced_all_is_unknown_throughout() {
        let mut docket = one_cpu();
        let mut untraced = Untraced::default();
        untraced.told(5_000_000, Classes::NONE, &mut docket);
        untraced.end(&mut docket);
        assert!(is_open(docket, 10, 20));
    }
}
