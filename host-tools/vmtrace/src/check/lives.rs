//! Processes: each begins once and ends once, and only those that live do anything; a parent waits for its child once, after its end.
//!
//! Key type: [`Lives`]. Pids are never used again within a boot.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::Pid;
use fl_trace::control::Bye;
use fl_trace::event::{Event, ProcessWait};
use hashbrown::HashMap;

/// What is known of a process.
enum Life {
    /// It was made, or a sync said that it lives at this time.
    Live { since: u64, spawn: Option<Witness> },
    /// It ended.
    Ended(Witness),
    /// It ended, and its parent has waited for it.
    Reaped(Witness),
    /// It did something before it was known; that was claimed.
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
        matches!(self.all.get(&pid), Some(Life::Ended(_) | Life::Reaped(_)))
    }

    /// A sync says that the process lives.
    pub fn known(&mut self, pid: Pid, tsc: u64) {
        self.all.entry(pid).or_insert(Life::Live { since: tsc, spawn: None });
    }

    /// A process was made.
    pub fn begin(&mut self, now: &Witness, pid: Pid, docket: &mut Docket) {
        docket.exercised(LIVE);
        let tsc = now.stamped.tsc;
        match self.all.get(&pid) {
            Some(Life::Live { spawn: Some(before), .. } | Life::Ended(before) | Life::Reaped(before)) => {
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
            Some(Life::Ended(before) | Life::Reaped(before)) => {
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

    /// A process did something: `what`, after its number.
    #[inline]
    pub fn acts(&mut self, now: &Witness, pid: Pid, what: &str, docket: &mut Docket) {
        docket.exercised(LIVE);
        match self.all.get(&pid) {
            Some(Life::Live { .. } | Life::Strange) => {}
            Some(Life::Ended(exit) | Life::Reaped(exit)) => {
                if exit.cpu == now.cpu || docket.is_later(exit, now) {
                    let text = format!("process {pid} {what} after its exit");
                    docket.claim(claim(true, exit.stamped.tsc, now, text, Some(exit)));
                }
            }
            None => {
                docket.claim(claim(false, 0, now, format!("process {pid} {what} but never began"), None));
                self.all.insert(pid, Life::Strange);
            }
        }
    }

    /// A process has waited for a child.
    pub fn wait(&mut self, now: &Witness, wait: &ProcessWait, docket: &mut Docket) {
        self.acts(now, wait.pid, "waits", docket);
        let child = wait.child;
        let (certain, since, text, before) = match self.all.get(&child) {
            Some(Life::Ended(exit)) => {
                let exit = *exit;
                self.all.insert(child, Life::Reaped(exit));
                match exit.stamped.event {
                    Event::ProcessExit(e) if e.status != wait.status => {
                        let text = format!(
                            "process {child} ended with status {}, its parent learns {}",
                            e.status, wait.status
                        );
                        (true, exit.stamped.tsc, text, Some(exit))
                    }
                    _ => return,
                }
            }
            Some(Life::Reaped(exit)) => {
                (true, exit.stamped.tsc, format!("process {child} is waited for twice"), Some(*exit))
            }
            Some(Life::Live { since, spawn }) => {
                (false, *since, format!("process {child} is waited for before its end"), *spawn)
            }
            Some(Life::Strange) | None => {
                (false, 0, format!("process {child} is waited for but never began"), None)
            }
        };
        docket.claim(claim(certain, since, now, text, before.as_ref()));
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
        Event::ProcessFork(fork) => Some(fork.parent),
        Event::ProcessExec(exec) => Some(exec.pid),
        Event::ProcessWait(wait) => Some(wait.pid),
        _ => None,
    }
}

fn claim(certain: bool, since: u64, now: &Witness, text: String, before: Option<&Witness>) -> Claim {
    let witnesses = before.into_iter().chain([now]).copied().collect();
    Claim { invariant: LIVE, since, at: now.stamped.tsc, certain, text, witnesses }
}
