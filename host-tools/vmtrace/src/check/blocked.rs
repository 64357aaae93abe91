//! Faults that sleep (10): each ends in exactly one fault of its thread, at that address. A process has one thread.
//!
//! Key type: [`Blocked`]. A fault may sleep several times.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{Pid, VirtAddr};
use fl_trace::control::Bye;
use fl_trace::event::{Fault, FaultBlocked};
use hashbrown::HashMap;

const RULE: Invariant = Invariant::BlockedThenFault;

/// See the module.
#[derive(Default)]
pub struct Blocked(HashMap<Pid, (VirtAddr, Witness)>);

impl Blocked {
    /// A fault has to sleep.
    pub fn sleeps(&mut self, now: &Witness, blocked: &FaultBlocked, docket: &mut Docket) {
        docket.exercised(RULE);
        if let Some((va, before)) = self.0.insert(blocked.pid, (blocked.va, *now))
            && va != blocked.va
        {
            let text = format!(
                "process {} sleeps in a fault at {} while one at {va} is not over",
                blocked.pid, blocked.va
            );
            docket.claim(claim(false, &before, now, text));
        }
    }

    /// A fault has ended.
    pub fn fault(&mut self, now: &Witness, fault: &Fault, docket: &mut Docket) {
        if let Some((va, before)) = self.0.remove(&fault.pid)
            && va != fault.va
        {
            let text =
                format!("process {} slept in a fault at {va}, and one at {} ends", fault.pid, fault.va);
            docket.claim(claim(false, &before, now, text));
        }
    }

    /// A process has ended.
    pub fn exit(&mut self, now: &Witness, pid: Pid, docket: &mut Docket) {
        if let Some((va, before)) = self.0.remove(&pid) {
            let text = format!("process {pid} ends, its fault at {va} never did");
            docket.claim(claim(false, &before, now, text));
        }
    }

    /// The run is over: after an orderly power-off nobody sleeps.
    pub fn end(&mut self, bye: Option<Bye>, end: u64, docket: &mut Docket) {
        if bye != Some(Bye::PowerOff) {
            return;
        }
        let mut left: Vec<_> = self.0.drain().collect();
        left.sort_by_key(|(pid, _)| *pid);
        for (pid, (va, before)) in left {
            let text = format!("the fault of process {pid} at {va} never ended");
            docket.claim(Claim { at: end, ..claim(false, &before, &before, text) });
        }
    }
}

fn claim(certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant: RULE, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
