//! Mappings of files: those of one process never overlap, and what is unmapped was mapped so (18).
//!
//! Key type: [`Mappings`]. Memory grows with the mappings that exist at the same time.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{PAGE_SIZE, Pid};
use fl_trace::event::{Mapped, Unmapped};
use hashbrown::HashMap;
use std::collections::BTreeMap;

const RULE: Invariant = Invariant::MappingsApart;

/// A mapping that exists.
#[derive(Clone, Copy)]
struct Area {
    /// The address behind its last page.
    end: u64,
    made: Witness,
}

/// What a process has mapped, by first address.
#[derive(Clone)]
struct Space {
    areas: BTreeMap<u64, Area>,
    /// Whether all of it is known: not if the process was there before the trace.
    whole: bool,
}

/// See the module.
#[derive(Default)]
pub struct Mappings {
    spaces: HashMap<Pid, Space>,
}

impl Mappings {
    /// A process was made with nothing mapped.
    pub fn begin(&mut self, pid: Pid) {
        self.spaces.insert(pid, Space { areas: BTreeMap::new(), whole: true });
    }

    /// A process was made that has what its parent has.
    pub fn fork(&mut self, pid: Pid, parent: Pid) {
        let inherited = self.spaces.get(&parent).cloned();
        self.spaces.insert(pid, inherited.unwrap_or(Space { areas: BTreeMap::new(), whole: false }));
    }

    /// A process became another program, which has nothing mapped.
    pub fn exec(&mut self, pid: Pid) {
        self.begin(pid);
    }

    /// A process has ended.
    pub fn exit(&mut self, pid: Pid) {
        self.spaces.remove(&pid);
    }

    /// A file was mapped.
    pub fn mapped(&mut self, now: &Witness, mapped: &Mapped, docket: &mut Docket) {
        docket.exercised(RULE);
        let space = self.space(mapped.pid);
        let begin = mapped.va.0;
        let end = begin.saturating_add(u64::from(mapped.pages) * PAGE_SIZE as u64);
        if mapped.pages == 0 {
            let text = format!("process {} has a mapping of no page at {}", mapped.pid, mapped.va);
            docket.claim(claim(true, now, now, text));
        }
        // Areas do not overlap, so the last one that begins below the end is the one that could.
        if let Some((_, area)) = space.areas.range(..end).next_back().filter(|(_, area)| area.end > begin) {
            let text = format!("process {} maps {} over what it has mapped", mapped.pid, mapped.va);
            docket.claim(claim(false, &area.made, now, text));
        }
        space.areas.insert(begin, Area { end, made: *now });
    }

    /// A mapping was taken out.
    pub fn unmapped(&mut self, now: &Witness, unmapped: &Unmapped, docket: &mut Docket) {
        docket.exercised(RULE);
        let space = self.space(unmapped.pid);
        let end = unmapped.va.0.saturating_add(u64::from(unmapped.pages) * PAGE_SIZE as u64);
        match space.areas.remove(&unmapped.va.0) {
            Some(area) if area.end == end => {}
            Some(area) => {
                let text = format!("process {} unmaps {} in another length", unmapped.pid, unmapped.va);
                docket.claim(claim(false, &area.made, now, text));
            }
            None if space.whole => {
                let text = format!("process {} unmaps {}, where nothing begins", unmapped.pid, unmapped.va);
                // What it rests on is that no mapping was seen since the run began.
                docket.claim(Claim { since: 0, ..claim(false, now, now, text) });
            }
            None => docket.left_open(RULE),
        }
        if unmapped.touched > unmapped.pages {
            let text = format!(
                "process {} has touched {} pages of a mapping of {}",
                unmapped.pid, unmapped.touched, unmapped.pages
            );
            docket.claim(claim(true, now, now, text));
        }
    }

    fn space(&mut self, pid: Pid) -> &mut Space {
        self.spaces.entry(pid).or_insert(Space { areas: BTreeMap::new(), whole: false })
    }
}

fn claim(certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant: RULE, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
