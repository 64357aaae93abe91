//! Frames and pages: a frame has one owner (1), a page has one frame at a time and its generation never goes back (2).
//!
//! Key type: [`Pages`]. Memory is bounded by the pages that live at the same time. A page's state has an order of its own, its generation, which
//! events carry: a fault is told at its end, when its page may have been evicted and brought back by others.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use super::lives::Lives;
use fl_addr::{PageId, Pfn, Pid};
use fl_trace::event::{Event, Evicted, Fault, Outcome, PageCopy, PageFree, SwapIn, SwapOut, WriteBack};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Freed pages that are remembered, to notice their use.
const FREED: usize = 1 << 16;

/// Whose a page is that was copied or read ahead, until a fault tells.
const NOBODY: Pid = Pid(0);

/// What is known of a page that lives.
struct Life {
    pid: Pid,
    /// `None`: it lives without one.
    frame: Option<Pfn>,
    generation: u32,
    /// The event that told of the frame, or of its loss.
    told: Witness,
    /// The event that told of the generation.
    seen: Witness,
}

/// See the module.
#[derive(Default)]
pub struct Pages {
    live: HashMap<PageId, Life>,
    /// Which page has a frame.
    owner: HashMap<Pfn, PageId>,
    freed: HashMap<PageId, Witness>,
    freed_order: VecDeque<PageId>,
}

impl Pages {
    /// A fault has ended.
    pub fn fault(&mut self, now: &Witness, fault: &Fault, lives: &Lives, docket: &mut Docket) {
        if fault.page == PageId(0) {
            if fault.outcome == Outcome::Mapped {
                docket.exercised(Invariant::OneFrame);
                let text = format!("frame {} is mapped for no page", fault.frame);
                docket.claim(claim(Invariant::OneFrame, true, now, now, text));
            }
            return;
        }
        docket.exercised(Invariant::OneFrame);
        if let Some(freed) = self.freed.get(&fault.page) {
            // Page ids are never used again: no loss excuses it, but two CPUs' clocks may.
            if docket.is_later(freed, now) {
                let text = format!("page {} has a fault after it was freed", fault.page);
                docket.claim(claim(Invariant::OneFrame, true, freed, now, text));
            }
            return;
        }
        if let Some(life) = self.live.get(&fault.page)
            && fault.generation < life.generation
        {
            // What became of the page while the fault was under way is newer than what the fault saw.
            if docket.is_before(&life.seen, now.stamped.tsc.saturating_sub(fault.latency()), now) {
                let (before, text) = (life.seen, goes_back(fault.page, life.generation, fault.generation));
                docket.claim(claim(Invariant::OneFrame, true, &before, now, text));
            }
            return;
        }
        // A page that its last sharer keeps may have been brought in for that.
        if !matches!(fault.outcome, Outcome::Mapped | Outcome::Reused) {
            return;
        }
        if let Some(life) = self.live.get(&fault.page)
            && let Some(frame) = life.frame.filter(|&frame| frame != fault.frame)
        {
            let text = format!("page {} gets frame {} while it has frame {frame}", fault.page, fault.frame);
            docket.claim(claim(Invariant::OneFrame, false, &life.told, now, text));
        }
        let (frame, generation) = (Some(fault.frame), fault.generation);
        self.gets(
            fault.page,
            Life { pid: fault.pid, frame, generation, told: *now, seen: *now },
            lives,
            docket,
        );
    }

    /// A page was made with a frame of its own, for a process that is not known yet. Its number is a new one.
    pub fn copy(&mut self, now: &Witness, copy: &PageCopy, lives: &Lives, docket: &mut Docket) {
        docket.exercised(Invariant::OneFrame);
        let before = self.live.get(&copy.page).map(|life| &life.told).or(self.freed.get(&copy.page));
        if let Some(before) = before.filter(|before| docket.is_later(before, now)) {
            let text = format!("page {} is made though there is one of that number", copy.page);
            docket.claim(claim(Invariant::OneFrame, true, before, now, text));
        }
        // Of what was copied, a page that had no frame was brought in for it, which its fault, being that of the copy, does not tell.
        if self.live.get(&copy.from).is_some_and(|life| life.frame.is_none()) {
            self.live.remove(&copy.from);
        }
        let (frame, generation) = (Some(copy.frame), copy.generation);
        self.gets(copy.page, Life { pid: NOBODY, frame, generation, told: *now, seen: *now }, lives, docket);
    }

    /// A page was read from its slot into a frame.
    pub fn swapped_in(&mut self, now: &Witness, page: &SwapIn, lives: &Lives, docket: &mut Docket) {
        if !page.ok {
            return;
        }
        if !self.is_newer((page.page, page.generation), "is read from swap", now, docket) {
            return;
        }
        let pid = self.live.get(&page.page).map_or(NOBODY, |life| life.pid);
        if let Some(life) = self.live.get(&page.page)
            && let Some(frame) = life.frame
        {
            let text = format!("page {} is read from swap while it has frame {frame}", page.page);
            docket.claim(claim(Invariant::OneFrame, false, &life.told, now, text));
        }
        let (frame, generation) = (Some(page.frame), page.generation);
        self.gets(page.page, Life { pid, frame, generation, told: *now, seen: *now }, lives, docket);
    }

    /// A page was taken for eviction: from the frame that it has.
    pub fn evicted(&mut self, now: &Witness, evicted: &Evicted, docket: &mut Docket) {
        self.has((evicted.page, evicted.generation), evicted.frame, "is evicted", now, docket);
    }

    /// A page was written to its slot.
    pub fn swapped_out(&mut self, now: &Witness, out: &SwapOut, docket: &mut Docket) {
        self.has((out.page, out.generation), out.frame, "is written to swap", now, docket);
    }

    /// A page was written to its file.
    pub fn written(&mut self, now: &Witness, write: &WriteBack, docket: &mut Docket) {
        self.has((write.page, write.generation), write.frame, "is written", now, docket);
    }

    /// Something was done to a page with the frame that it has.
    fn has(&mut self, page: (PageId, u32), frame: Pfn, what: &str, now: &Witness, docket: &mut Docket) {
        if self.is_newer(page, what, now, docket)
            && let Some(life) = self.live.get_mut(&page.0)
        {
            let other = match life.frame {
                Some(has) if has == frame => None,
                Some(has) => Some(format!("page {} {what} from frame {frame} but has frame {has}", page.0)),
                None => Some(format!("page {} {what} from frame {frame} but has none", page.0)),
            };
            if let Some(text) = other {
                docket.claim(claim(Invariant::OneFrame, false, &life.told, now, text));
            }
            (life.generation, life.seen) = (page.1, *now);
        }
    }

    /// Whether what is told of a page is newer than what is known of it. If not, the order of generations is against the order of time.
    fn is_newer(
        &self,
        (page, generation): (PageId, u32),
        what: &str,
        now: &Witness,
        docket: &mut Docket,
    ) -> bool {
        docket.exercised(Invariant::OneFrame);
        if let Some(freed) = self.freed.get(&page) {
            if docket.is_later(freed, now) {
                let text = format!("page {page} {what} after it was freed");
                docket.claim(claim(Invariant::OneFrame, true, freed, now, text));
            }
            return false;
        }
        match self.live.get(&page) {
            // Those who tell of one page do it without its lock, so the one may overtake the other.
            Some(life) => generation >= life.generation,
            None => true,
        }
    }

    /// A page has lost its frame, as its state was in that generation, and lives on.
    pub fn lost(&mut self, now: &Witness, (page, generation): (PageId, u32), frame: Pfn) {
        if self.freed.contains_key(&page) {
            return;
        }
        let pid = match self.live.get(&page) {
            Some(life) if generation < life.generation => return,
            Some(life) => {
                let had = life.frame.unwrap_or(frame);
                if self.owner.get(&had) == Some(&page) {
                    self.owner.remove(&had);
                }
                life.pid
            }
            None => NOBODY,
        };
        self.live.insert(page, Life { pid, frame: None, generation, told: *now, seen: *now });
    }

    /// A page gets a frame.
    fn gets(&mut self, page: PageId, life: Life, lives: &Lives, docket: &mut Docket) {
        let Some(frame) = life.frame else { return };
        self.owned(&life.told, page, frame, lives, docket);
        if let Some(old) = self.live.get(&page).and_then(|old| old.frame)
            && self.owner.get(&old) == Some(&page)
        {
            self.owner.remove(&old);
        }
        self.owner.insert(frame, page);
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
        let text = format!("frame {frame} is given to page {page} while page {other} has it");
        let mut claim = claim(Invariant::OneOwner, false, &life.told, now, text);
        if life.pid == NOBODY {
            claim.since = 0; // whose it is, and so whether that process has ended, was told before, if ever
        }
        docket.claim(claim);
        // One claim per theft: the frame is the newer page's from now on.
        self.live.remove(&other);
    }

    /// A page was freed.
    pub fn free(&mut self, now: &Witness, free: &PageFree, docket: &mut Docket) {
        docket.exercised(Invariant::OneFrame);
        // A frame that was taken "too early" by another CPU's clock was free after all.
        docket.answer(Invariant::OneOwner, now.stamped.tsc, |claim| {
            claim.witnesses.first().is_some_and(|w| gave_frame_to(&w.stamped.event, free.page))
                && claim.witnesses.last().is_some_and(|w| w.cpu != now.cpu)
        });
        if let Some(life) = self.live.remove(&free.page) {
            if let Some(frame) = life.frame
                && self.owner.get(&frame) == Some(&free.page)
            {
                self.owner.remove(&frame);
            }
            let text = match life.frame {
                Some(frame) if frame != free.frame => {
                    Some(format!("page {} gives back frame {} but has frame {frame}", free.page, free.frame))
                }
                None => Some(format!("page {} gives back frame {} but has none", free.page, free.frame)),
                Some(_) => None,
            };
            if let Some(text) = text {
                docket.claim(claim(Invariant::OneFrame, false, &life.told, now, text));
            }
            if free.generation < life.generation && docket.is_later(&life.seen, now) {
                let text = goes_back(free.page, life.generation, free.generation);
                docket.claim(claim(Invariant::OneFrame, true, &life.seen, now, text));
            }
        }
        if let Some(before) = self.freed.insert(free.page, *now) {
            let text = format!("page {} is freed twice", free.page);
            docket.claim(claim(Invariant::OneFrame, true, &before, now, text));
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

/// Whether this event gave that page its frame.
fn gave_frame_to(event: &Event, page: PageId) -> bool {
    match event {
        Event::Fault(fault) => fault.page == page,
        Event::PageCopy(copy) => copy.page == page,
        Event::SwapIn(read) => read.page == page,
        _ => false,
    }
}

fn goes_back(page: PageId, from: u32, to: u32) -> String {
    format!("page {page} goes back from generation {from} to {to}")
}

fn claim(invariant: Invariant, certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
