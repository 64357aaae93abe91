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
    /// happened at any time since they were last known. Returns whether that is so.
    pub fn told(&mut self, tsc: u64, classes: Classes, docket: &mut Docket) -> bool {
        let complete = classes.covers(Classes::USUAL);
        let changed = complete == self.since.is_some();
        if changed {
            self.set(if complete { tsc } else { self.known }, complete, docket);
        }
        self.known = self.known.max(tsc);
        changed
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
