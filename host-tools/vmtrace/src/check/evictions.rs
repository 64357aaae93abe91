//! Pages on their way out: nothing is written before nobody can store to it any more (5), what was stored is written before its frame is used for
//! something else (8), and what has a copy is not written to swap (19).
//!
//! Key type: [`Evictions`]. An eviction is told when no CPU can reach the frame any more, and before it is written; so the kernel's word is checked
//! against the times of what follows. Memory is bounded by the pages under way, and by those that come from files.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{PageId, Pfn};
use fl_trace::control::Bye;
use fl_trace::event::{EvictOutcome, Evicted, Fault, FaultKind, SwapOut, WriteBack};
use hashbrown::HashMap;

/// A page that was taken from those who show it, and is to be written.
struct Leaving {
    frame: Pfn,
    to: EvictOutcome,
    dirty: bool,
    told: Witness,
}

/// See the module.
#[derive(Default)]
pub struct Evictions {
    leaving: HashMap<PageId, Leaving>,
    /// The frames of those.
    frames: HashMap<Pfn, PageId>,
    /// Pages that have a copy in a file, at least as long as nobody stores to them.
    of_file: HashMap<PageId, FaultKind>,
}

impl Evictions {
    /// A fault has shown a page.
    pub fn fault(&mut self, fault: &Fault) {
        if matches!(fault.kind, FaultKind::Mapping | FaultKind::Executable) && fault.page != PageId(0) {
            self.of_file.insert(fault.page, fault.kind);
        }
    }

    /// A page was taken.
    pub fn evicted(&mut self, now: &Witness, evicted: &Evicted, docket: &mut Docket) {
        let Evicted { page, frame, dirty, outcome, .. } = *evicted;
        if outcome == EvictOutcome::Dropped {
            docket.exercised(Invariant::WrittenFirst);
            if dirty {
                let text = format!("page {page} was stored to, and its frame {frame} is dropped unwritten");
                docket.claim(claim(Invariant::WrittenFirst, true, now, now, text));
            }
        }
        let of_file = self.of_file.get(&page).copied();
        if of_file.is_some() || !dirty {
            docket.exercised(Invariant::CleanNotSwapped);
        }
        if outcome == EvictOutcome::ToSwap {
            let text = match of_file {
                Some(FaultKind::Mapping) => format!("page {page} of a mapped file is to be written to swap"),
                _ if !dirty => format!("page {page} is clean and is to be written to swap"),
                _ => String::new(),
            };
            if !text.is_empty() {
                docket.claim(claim(Invariant::CleanNotSwapped, true, now, now, text));
            }
        }
        if matches!(outcome, EvictOutcome::ToSwap | EvictOutcome::ToFile) {
            let leaving = Leaving { frame, to: outcome, dirty, told: *now };
            if let Some(before) = self.leaving.insert(page, leaving) {
                let text = format!("page {page} is evicted again before it is written");
                docket.claim(claim(Invariant::WrittenFirst, false, &before.told, now, text));
            }
            self.frames.insert(frame, page);
        }
    }

    /// A page was written to swap, which only an eviction does.
    pub fn swapped_out(&mut self, now: &Witness, out: &SwapOut, docket: &mut Docket) {
        let begun = now.stamped.tsc.saturating_sub(out.time.0);
        docket.exercised(Invariant::UnmappedFirst);
        match self.take(out.page, EvictOutcome::ToSwap) {
            Some(leaving) => {
                let apart = docket.clocks.apart(leaving.told.cpu, now.cpu);
                if begun.saturating_add(apart) < leaving.told.stamped.tsc {
                    let text =
                        format!("page {} is written before it was taken from those who show it", out.page);
                    docket.claim(claim(Invariant::UnmappedFirst, true, &leaving.told, now, text));
                }
            }
            None => {
                let text = format!("page {} is written to swap though it was not evicted", out.page);
                docket.claim(Claim { since: 0, ..claim(Invariant::UnmappedFirst, false, now, now, text) });
            }
        }
        self.kept(now, (out.page, out.frame), (out.ok, out.kept), docket);
    }

    /// A page was written to its file, perhaps for its eviction.
    pub fn written(&mut self, now: &Witness, write: &WriteBack, docket: &mut Docket) {
        let taken = self.take(write.page, EvictOutcome::ToFile).is_some();
        if !write.kept {
            docket.exercised(Invariant::UnmappedFirst);
            if !taken {
                let text =
                    format!("page {} loses its frame by a write though it was not evicted", write.page);
                docket.claim(Claim { since: 0, ..claim(Invariant::UnmappedFirst, false, now, now, text) });
            }
        }
        if taken {
            self.kept(now, (write.page, write.frame), (write.ok, write.kept), docket);
        }
    }

    /// A write has ended: only if it worked the frame may be free.
    fn kept(
        &mut self,
        now: &Witness,
        (page, frame): (PageId, Pfn),
        (ok, kept): (bool, bool),
        docket: &mut Docket,
    ) {
        docket.exercised(Invariant::WrittenFirst);
        if !ok && !kept {
            let text = format!("page {page} could not be written and loses frame {frame} all the same");
            docket.claim(claim(Invariant::WrittenFirst, true, now, now, text));
        }
    }

    /// A page gets a frame.
    pub fn gets(&mut self, now: &Witness, page: PageId, frame: Pfn, docket: &mut Docket) {
        let Some(&before) = self.frames.get(&frame).filter(|&&before| before != page) else { return };
        if let Some(leaving) = self.leaving.remove(&before).filter(|leaving| leaving.dirty) {
            let text =
                format!("frame {frame} is given to page {page} before page {before} is written from it");
            docket.claim(claim(Invariant::WrittenFirst, false, &leaving.told, now, text));
        }
        self.frames.remove(&frame);
    }

    /// A page is no more.
    pub fn freed(&mut self, page: PageId) {
        self.of_file.remove(&page);
        if let Some(leaving) = self.leaving.remove(&page) {
            self.frames.remove(&leaving.frame);
        }
    }

    fn take(&mut self, page: PageId, to: EvictOutcome) -> Option<Leaving> {
        if self.leaving.get(&page)?.to != to {
            return None;
        }
        let leaving = self.leaving.remove(&page)?;
        self.frames.remove(&leaving.frame);
        Some(leaving)
    }

    /// The run is over: after an orderly power-off nothing is under way.
    pub fn end(&mut self, bye: Option<Bye>, end: u64, docket: &mut Docket) {
        if bye != Some(Bye::PowerOff) {
            return;
        }
        let mut left: Vec<_> = self.leaving.drain().collect();
        left.sort_by_key(|(page, leaving)| (leaving.told.stamped.tsc, *page));
        for (page, Leaving { told, .. }) in left {
            let text = format!("page {page} was to be written, and nothing tells of the write");
            let one = claim(Invariant::WrittenFirst, false, &told, &told, text);
            docket.claim(Claim { at: end, ..one });
        }
    }
}

fn claim(invariant: Invariant, certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
