//! Swap slots: each has one owner (3); it is read only by that, after its write has ended, and written again only when nobody can read it (9).
//!
//! Key type: [`Slots`]. The kernel tells of a write, a read and the end of a slot before anybody else can have page or slot. So only the clocks of
//! two CPUs can show them in the wrong order: what comes early waits, as [`Early`], for the write. Memory is bounded by the slots in use.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{PageId, Slot};
use fl_trace::event::{SlotFreeReason, SlotFreed, SwapIn, SwapOut};
use hashbrown::HashMap;

/// What waits for a write at most; more is taken for what it looks like.
const WAITING: usize = 1 << 12;

/// Whose a slot is.
struct Held {
    page: PageId,
    generation: u32,
    written: Witness,
}

/// A read, or an end, of a slot that its page does not have yet as far as was told.
struct Early {
    page: PageId,
    /// Whether the slot was free from then on.
    ends: bool,
    what: &'static str,
    rule: Invariant,
    told: Witness,
}

/// See the module.
#[derive(Default)]
pub struct Slots {
    held: HashMap<Slot, Held>,
    of_page: HashMap<PageId, Slot>,
    early: HashMap<Slot, Early>,
    /// When a slot became free.
    freed: HashMap<Slot, Witness>,
}

impl Slots {
    /// A page was written, or could not be.
    pub fn swapped_out(&mut self, now: &Witness, out: &SwapOut, docket: &mut Docket) {
        docket.exercised(Invariant::SlotOwner);
        docket.exercised(Invariant::SlotOrder);
        let begun = now.stamped.tsc.saturating_sub(out.time.0);
        if let Some(held) = self.held.get(&out.slot)
            && held.page != out.page
        {
            let text =
                format!("slot {} is given to page {} while page {} has it", out.slot, out.page, held.page);
            docket.claim(claim(Invariant::SlotOwner, false, &held.written, now, text));
        }
        if let Some(freed) = self.freed.remove(&out.slot)
            && begun.saturating_add(docket.clocks.apart(freed.cpu, now.cpu)) < freed.stamped.tsc
        {
            let text = format!("slot {} is written for page {} before it is free", out.slot, out.page);
            docket.claim(claim(Invariant::SlotOrder, true, &freed, now, text));
        }
        if let Some(&other) = self.of_page.get(&out.page).filter(|&&slot| slot != out.slot)
            && let Some(held) = self.held.get(&other)
        {
            let text = format!("page {} gets slot {} while it has slot {other}", out.page, out.slot);
            docket.claim(claim(Invariant::SlotOwner, false, &held.written, now, text));
            self.held.remove(&other);
        }
        if let Some(early) = self.early.remove(&out.slot) {
            if early.page != out.page || is_later(&early.told, now, docket) {
                docket.claim(early.claim(out.slot));
            } else if early.ends {
                return; // written, and free again
            }
        }
        if out.ok {
            let held = Held { page: out.page, generation: out.generation, written: *now };
            if let Some(before) = self.held.insert(out.slot, held) {
                self.of_page.remove(&before.page);
            }
            self.of_page.insert(out.page, out.slot);
        } else {
            // Nobody has it now, not even who had it as a copy. That it is free is told next.
            self.held.remove(&out.slot);
            self.of_page.remove(&out.page);
        }
    }

    /// A page was read.
    pub fn swapped_in(&mut self, now: &Witness, read: &SwapIn, docket: &mut Docket) {
        docket.exercised(Invariant::SlotOrder);
        match self.held.get(&read.slot) {
            Some(held) if held.page == read.page => {
                if read.ok && read.generation <= held.generation && is_later(&held.written, now, docket) {
                    let text = format!(
                        "page {} is read from slot {} in generation {}, before its write in generation {} ended",
                        read.page, read.slot, read.generation, held.generation
                    );
                    docket.claim(claim(Invariant::SlotOrder, true, &held.written, now, text));
                }
            }
            Some(held) => {
                let text = format!(
                    "page {} is read from slot {}, which page {} has",
                    read.page, read.slot, held.page
                );
                docket.claim(claim(Invariant::SlotOrder, false, &held.written, now, text));
            }
            None => self.wait(
                read.slot,
                Early {
                    page: read.page,
                    ends: false,
                    what: "is read from",
                    rule: Invariant::SlotOrder,
                    told: *now,
                },
                docket,
            ),
        }
    }

    /// A slot became free.
    pub fn freed(&mut self, now: &Witness, freed: &SlotFreed, docket: &mut Docket) {
        docket.exercised(Invariant::SlotOwner);
        match self.held.get(&freed.slot) {
            Some(held) if held.page == freed.page => {
                self.held.remove(&freed.slot);
                self.of_page.remove(&freed.page);
            }
            Some(held) => {
                let text =
                    format!("page {} frees slot {}, which page {} has", freed.page, freed.slot, held.page);
                docket.claim(claim(Invariant::SlotOwner, false, &held.written, now, text));
            }
            None if freed.reason == SlotFreeReason::WriteFailed => {}
            None => self.wait(
                freed.slot,
                Early { page: freed.page, ends: true, what: "frees", rule: Invariant::SlotOwner, told: *now },
                docket,
            ),
        }
        self.freed.insert(freed.slot, *now);
    }

    fn wait(&mut self, slot: Slot, early: Early, docket: &mut Docket) {
        if let Some(before) = self.early.insert(slot, early) {
            // A read and then the end of it, both before the write was told: the end stands for both.
            let same = self.early.get(&slot).is_some_and(|now| now.page == before.page);
            if !same || before.ends {
                docket.claim(before.claim(slot));
            }
        }
        if self.early.len() > WAITING
            && let Some(slot) = self.early.keys().next().copied()
            && let Some(early) = self.early.remove(&slot)
        {
            docket.claim(early.claim(slot));
        }
    }

    /// The run is over.
    pub fn end(&mut self, docket: &mut Docket) {
        let mut left: Vec<_> = self.early.drain().collect();
        left.sort_by_key(|(slot, early)| (early.told.stamped.tsc, *slot));
        left.into_iter().for_each(|(slot, early)| docket.claim(early.claim(slot)));
    }
}

impl Early {
    fn claim(&self, slot: Slot) -> Claim {
        let text = format!("page {} {} slot {slot}, which was not written for it", self.page, self.what);
        // The write may be anywhere before.
        Claim { since: 0, ..claim(self.rule, false, &self.told, &self.told, text) }
    }
}

/// Whether `now`, which comes behind `before`, happened after it for sure.
fn is_later(before: &Witness, now: &Witness, docket: &Docket) -> bool {
    before.cpu == now.cpu || docket.is_later(before, now)
}

fn claim(invariant: Invariant, certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
