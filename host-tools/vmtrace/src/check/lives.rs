//! Processes: each begins once and ends once, and only those that live have faults.
//!
//! Key type: [`Lives`]. Pids are never used again within a boot.

use super::claim::{Claim, Docket, Witness};
use super::{Invariant, SLACK};
use fl_addr::Pid;
use fl_trace::control::Bye;
use fl_trace::event::Event;
use hashbrown::HashMap;

/// What is known of a process.
enum Life {
    /// It was made, or a sync said that it lives at this time.
    Live { since: u64, spawn: Option<Witness> },
    /// It ended.
    Ended(Witness),
    /// A fault named it before anything else did; that was claimed.
    Strange,
}

/// See the module.
#[derive(Default)]
pub struct Lives {
    all: HashMap<Pid, Life>,
}

const LIVE: Invariant = Invariant::LiveProcess;

impl Lives {
    /// Whether its exit was seen.
    pub fn has_ended(&self, pid: Pid) -> bool {
        matches!(self.all.get(&pid), Some(Life::Ended(_)))
    }

    /// A sync says that the process lives.
    pub fn known(&mut self, pid: Pid, tsc: u64) {
        self.all.entry(pid).or_insert(Life::Live { since: tsc, spawn: None });
    }

    /// A process was made.
    pub fn spawn(&mut self, now: &Witness, pid: Pid, docket: &mut Docket) {
        docket.exercised(LIVE);
        let tsc = now.stamped.tsc;
        match self.all.get(&pid) {
            Some(Life::Live { spawn: Some(before), .. } | Life::Ended(before)) => {
                docket.claim(claim(
                    true,
                    before.stamped.tsc,
                    now,
                    format!("pid {pid} is used twice"),
                    Some(before),
                ));
            }
            Some(Life::Strange) => docket.answer(LIVE, tsc, |claim| {
                claim
                    .witnesses
                    .last()
                    .is_some_and(|w| w.cpu != now.cpu && pid_of(&w.stamped.event) == Some(pid))
            }),
            Some(Life::Live { spawn: None, .. }) | None => {}
        }
        self.all.insert(pid, Life::Live { since: tsc, spawn: Some(*now) });
    }

    /// A process ended.
    pub fn exit(&mut self, now: &Witness, pid: Pid, docket: &mut Docket) {
        docket.exercised(LIVE);
        match self.all.insert(pid, Life::Ended(*now)) {
            Some(Life::Live { .. } | Life::Strange) => {}
            Some(Life::Ended(before)) => {
                docket.claim(claim(
                    true,
                    before.stamped.tsc,
                    now,
                    format!("process {pid} ends twice"),
                    Some(&before),
                ));
            }
            None => docket.claim(claim(false, 0, now, format!("process {pid} ends but never began"), None)),
        }
    }

    /// A process had a fault.
    #[inline]
    pub fn fault(&mut self, now: &Witness, pid: Pid, docket: &mut Docket) {
        docket.exercised(LIVE);
        match self.all.get(&pid) {
            Some(Life::Live { .. } | Life::Strange) => {}
            Some(Life::Ended(exit)) => {
                if exit.cpu == now.cpu || exit.stamped.tsc.saturating_add(SLACK) < now.stamped.tsc {
                    let text = format!("process {pid} has a fault after its exit");
                    docket.claim(claim(true, exit.stamped.tsc, now, text, Some(exit)));
                }
            }
            None => {
                docket.claim(claim(
                    false,
                    0,
                    now,
                    format!("process {pid} has a fault but never began"),
                    None,
                ));
                self.all.insert(pid, Life::Strange);
            }
        }
    }

    /// The run is over: after an orderly power-off no process lives.
    pub fn end(&mut self, bye: Option<Bye>, end: u64, docket: &mut Docket) {
        if bye != Some(Bye::PowerOff) {
            return;
        }
        let mut left: Vec<_> = self
            .all
            .iter()
            .filter_map(|(pid, life)| match life {
                Life::Live { since, spawn: Some(spawn) } => Some((*since, *pid, *spawn)),
                _ => None,
            })
            .collect();
        left.sort_by_key(|(since, pid, _)| (*since, *pid));
        for (since, pid, spawn) in left {
            docket.exercised(LIVE);
            docket.claim(Claim {
                invariant: LIVE,
                since,
                at: end,
                certain: false,
                text: format!("process {pid} never ended, though the machine powered off in order"),
                witnesses: vec![spawn],
            });
        }
    }
}

fn pid_of(event: &Event) -> Option<Pid> {
    match event {
        Event::Fault(fault) => Some(fault.pid),
        _ => None,
    }
}

fn claim(certain: bool, since: u64, now: &Witness, text: String, before: Option<&Witness>) -> Claim {
    let witnesses = before.into_iter().chain([now]).copied().collect();
    Claim { invariant: LIVE, since, at: now.stamped.tsc, certain, text, witnesses }
}
