//! Frames and pages: a frame has one owner (1), a page has one frame and its generation never goes back (2).
//!
//! Key type: [`Pages`]. Memory is bounded by the pages that live at the same time.

use super::claim::{Claim, Docket, Witness};
use super::lives::Lives;
use super::{Invariant, SLACK};
use fl_addr::{PageId, Pfn, Pid};
use fl_trace::event::{Event, Fault, Outcome, PageCopy, PageFree, WriteBack};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Freed pages that are remembered, to notice their use.
const FREED: usize = 1 << 16;

/// Whose a page is that was copied, until a fault tells.
const NOBODY: Pid = Pid(0);

/// A page that has a frame.
struct Life {
    pid: Pid,
    frame: Pfn,
    generation: u32,
    /// The fault that mapped it, or the copy that made it.
    mapped: Witness,
}

/// See the module.
#[derive(Default)]
pub struct Pages {
    live: HashMap<PageId, Life>,
    /// Which page has a frame.
    owner: HashMap<Pfn, PageId>,
    /// Pages that live without a frame, and the generation in which they lost it.
    without: HashMap<PageId, u32>,
    freed: HashMap<PageId, Witness>,
    freed_order: VecDeque<PageId>,
}

impl Pages {
    /// A fault has ended.
    pub fn fault(&mut self, now: &Witness, fault: &Fault, lives: &Lives, docket: &mut Docket) {
        let known = self.live.get(&fault.page);
        if fault.page != PageId(0) {
            docket.exercised(Invariant::OneFrame);
            if let Some(freed) = self.freed.get(&fault.page) {
                // Page ids are never used again: no loss excuses it, but two CPUs' clocks may.
                if freed.cpu == now.cpu || freed.stamped.tsc.saturating_add(SLACK) < now.stamped.tsc {
                    docket.claim(claim(
                        Invariant::OneFrame,
                        true,
                        freed,
                        now,
                        format!("page {} has a fault after it was freed", fault.page),
                    ));
                }
                return;
            }
            if let Some(life) = known
                && fault.generation < life.generation
                && is_later(&life.mapped, now)
            {
                docket.claim(claim(
                    Invariant::OneFrame,
                    true,
                    &life.mapped,
                    now,
                    format!(
                        "page {} goes back from generation {} to {}",
                        fault.page, life.generation, fault.generation
                    ),
                ));
            }
        }
        if fault.outcome != Outcome::Mapped {
            return;
        }
        if fault.page == PageId(0) {
            docket.exercised(Invariant::OneFrame);
            docket.claim(claim(
                Invariant::OneFrame,
                true,
                now,
                now,
                format!("frame {} is mapped for no page", fault.frame),
            ));
            return;
        }
        if let Some(life) = known
            && life.frame != fault.frame
        {
            docket.claim(claim(
                Invariant::OneFrame,
                false,
                &life.mapped,
                now,
                format!("page {} gets frame {} while it has frame {}", fault.page, fault.frame, life.frame),
            ));
        }
        // A fault is told at its end: the page may have come and gone again by then.
        if self.without.get(&fault.page).is_some_and(|&lost| fault.generation < lost) {
            return;
        }
        let life = Life { pid: fault.pid, frame: fault.frame, generation: fault.generation, mapped: *now };
        self.gets(fault.page, life, lives, docket);
    }

    /// A page was made with a frame of its own, for a process that is not known yet. Its number is a new one.
    pub fn copy(&mut self, now: &Witness, copy: &PageCopy, lives: &Lives, docket: &mut Docket) {
        docket.exercised(Invariant::OneFrame);
        let before = self.live.get(&copy.page).map(|life| &life.mapped).or(self.freed.get(&copy.page));
        if let Some(before) = before.filter(|before| is_later(before, now)) {
            let text = format!("page {} is made though there is one of that number", copy.page);
            docket.claim(claim(Invariant::OneFrame, true, before, now, text));
        }
        let life = Life { pid: NOBODY, frame: copy.frame, generation: copy.generation, mapped: *now };
        self.gets(copy.page, life, lives, docket);
    }

    /// A page was written to its file: from the frame that it has.
    pub fn written(&mut self, now: &Witness, write: &WriteBack, docket: &mut Docket) {
        docket.exercised(Invariant::OneFrame);
        if let Some(life) = self.live.get(&write.page)
            && life.frame != write.frame
        {
            let text = format!(
                "page {} is written from frame {} but has frame {}",
                write.page, write.frame, life.frame
            );
            docket.claim(claim(Invariant::OneFrame, false, &life.mapped, now, text));
        }
        if let Some(freed) = self.freed.get(&write.page).filter(|freed| is_later(freed, now)) {
            let text = format!("page {} is written after it was freed", write.page);
            docket.claim(claim(Invariant::OneFrame, true, freed, now, text));
        }
    }

    /// A page has lost its frame, as its state was in that generation, and lives on.
    pub fn lost(
        &mut self,
        now: &Witness,
        (page, generation): (PageId, u32),
        frame: Pfn,
        docket: &mut Docket,
    ) {
        docket.exercised(Invariant::OneFrame);
        self.without.insert(page, generation);
        let Some(life) = self.live.remove(&page) else { return };
        if self.owner.get(&life.frame) == Some(&page) {
            self.owner.remove(&life.frame);
        }
        if life.frame != frame {
            let text = format!("page {page} loses frame {frame} but has frame {}", life.frame);
            docket.claim(claim(Invariant::OneFrame, false, &life.mapped, now, text));
        }
    }

    /// A page gets a frame.
    fn gets(&mut self, page: PageId, life: Life, lives: &Lives, docket: &mut Docket) {
        self.owned(&life.mapped, page, life.frame, lives, docket);
        if let Some(old) = self.live.get(&page)
            && self.owner.get(&old.frame) == Some(&page)
        {
            self.owner.remove(&old.frame);
        }
        self.without.remove(&page);
        self.owner.insert(life.frame, page);
        self.live.insert(page, life);
    }

    /// Whether the frame that a page gets is another's.
    fn owned(&mut self, now: &Witness, page: PageId, frame: Pfn, lives: &Lives, docket: &mut Docket) {
        docket.exercised(Invariant::OneOwner);
        let Some(&other) = self.owner.get(&frame).filter(|&&owner| owner != page) else { return };
        let Some(life) = self.live.get(&other) else { return };
        // From its exit on, a process's frames may be given back at any time.
        if lives.has_ended(life.pid) {
            self.live.remove(&other);
            return;
        }
        docket.claim(claim(
            Invariant::OneOwner,
            false,
            &life.mapped,
            now,
            format!("frame {frame} is given to page {page} while page {other} has it"),
        ));
        // One claim per theft: the frame is the newer page's from now on.
        self.live.remove(&other);
    }

    /// A page was freed.
    pub fn free(&mut self, now: &Witness, free: &PageFree, docket: &mut Docket) {
        docket.exercised(Invariant::OneFrame);
        // A frame that was taken "too early" by another CPU's clock was free after all.
        docket.answer(Invariant::OneOwner, now.stamped.tsc, |claim| {
            claim.witnesses.first().is_some_and(
                |w| matches!(w.stamped.event, Event::Fault(Fault { page, .. }) | Event::PageCopy(PageCopy { page, .. }) if page == free.page),
            ) && claim.witnesses.last().is_some_and(|w| w.cpu != now.cpu)
        });
        self.without.remove(&free.page);
        if let Some(life) = self.live.remove(&free.page) {
            if self.owner.get(&life.frame) == Some(&free.page) {
                self.owner.remove(&life.frame);
            }
            if life.frame != free.frame {
                docket.claim(claim(
                    Invariant::OneFrame,
                    false,
                    &life.mapped,
                    now,
                    format!(
                        "page {} gives back frame {} but has frame {}",
                        free.page, free.frame, life.frame
                    ),
                ));
            }
            if free.generation < life.generation && is_later(&life.mapped, now) {
                docket.claim(claim(
                    Invariant::OneFrame,
                    true,
                    &life.mapped,
                    now,
                    format!(
                        "page {} goes back from generation {} to {}",
                        free.page, life.generation, free.generation
                    ),
                ));
            }
        }
        if let Some(before) = self.freed.insert(free.page, *now) {
            docket.claim(claim(
                Invariant::OneFrame,
                true,
                &before,
                now,
                format!("page {} is freed twice", free.page),
            ));
            return;
        }
        self.freed_order.push_back(free.page);
        if self.freed_order.len() > FREED
            && let Some(oldest) = self.freed_order.pop_front()
        {
            self.freed.remove(&oldest);
        }
    }
}

/// Whether `now` happened after `before` for sure.
fn is_later(before: &Witness, now: &Witness) -> bool {
    before.cpu == now.cpu || before.stamped.tsc.saturating_add(SLACK) < now.stamped.tsc
}

fn claim(invariant: Invariant, certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
