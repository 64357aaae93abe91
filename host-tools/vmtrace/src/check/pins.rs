//! Pins (6): a pinned page keeps its frame until the last pin goes.
//!
//! Key type: [`Pins`]. Pins are traced on request only; without them there is nothing to check. A pin's end is told after it: an eviction that is told
//! before it but is of a newer generation was in order.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{PageId, Pfn};
use fl_trace::event::Evicted;
use hashbrown::HashMap;

const RULE: Invariant = Invariant::PinnedStays;

struct Pinned {
    /// Where each pin found it.
    pins: Vec<(Pfn, Witness)>,
    /// An eviction told while it was pinned: its generation, and the oldest pin.
    evicted: Option<(u32, Witness, Witness)>,
}

/// See the module.
#[derive(Default)]
pub struct Pins(HashMap<PageId, Pinned>);

impl Pins {
    /// A page got a pin.
    pub fn pinned(&mut self, now: &Witness, page: PageId, frame: Pfn) {
        let pinned = self.0.entry(page).or_insert(Pinned { pins: Vec::new(), evicted: None });
        pinned.pins.push((frame, *now));
    }

    /// A pin went, the page being of that generation.
    pub fn unpinned(
        &mut self,
        now: &Witness,
        (page, generation): (PageId, u32),
        frame: Pfn,
        docket: &mut Docket,
    ) {
        docket.exercised(RULE);
        let Some(pinned) = self.0.get_mut(&page) else {
            let text = format!("a pin of page {page} goes that nobody made");
            return docket.claim(Claim { since: 0, ..claim(false, now, now, text) });
        };
        // The newest such, so that what was lost is seen in the oldest.
        let at = pinned.pins.iter().rposition(|(pinned_at, _)| *pinned_at == frame);
        let (found, pin) = pinned.pins.remove(at.unwrap_or(0));
        if found != frame {
            let text = format!("page {page} was pinned in frame {found} and is unpinned in frame {frame}");
            docket.claim(claim(false, &pin, now, text));
        }
        if let Some((_, eviction, pin)) = pinned.evicted.filter(|(evicted, ..)| *evicted <= generation) {
            docket.claim(claim(false, &pin, &eviction, evicted_text(page)));
            pinned.evicted = None;
        }
        if pinned.pins.is_empty() {
            self.0.remove(&page);
        }
    }

    /// A page was taken for eviction.
    pub fn evicted(&mut self, now: &Witness, evicted: &Evicted, docket: &mut Docket) {
        if !self.0.is_empty() {
            docket.exercised(RULE);
        }
        if let Some(pinned) = self.0.get_mut(&evicted.page) {
            let (_, oldest) = pinned.pins[0];
            pinned.evicted.get_or_insert((evicted.generation, *now, oldest));
        }
    }

    /// The run is over.
    pub fn end(&mut self, docket: &mut Docket) {
        let mut left: Vec<_> = self.0.drain().collect();
        left.sort_by_key(|(page, _)| *page);
        for (page, pinned) in left {
            if let Some((_, eviction, pin)) = pinned.evicted {
                docket.claim(claim(false, &pin, &eviction, evicted_text(page)));
            }
        }
    }
}

fn evicted_text(page: PageId) -> String {
    format!("page {page} is evicted while it is pinned")
}

fn claim(certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant: RULE, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
