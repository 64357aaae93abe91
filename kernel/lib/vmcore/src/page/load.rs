//! Bringing a page in: claim it, fill a frame, publish it.

use super::{PageState, Refused, State};
use fl_addr::{Pfn, Slot};
use fl_model::mutant;

impl PageState {
    /// Uninit or Swapped -> Loading. The caller, who has a frame in hand, fills it from the [`slot`](Self::slot) or else from the
    /// source, and then calls [`publish`](Self::publish) or [`abort`](Self::abort). It owns a pin from now on.
    ///
    /// # Errors
    /// `Busy`, `Resident`, `Dead`: what the caller should look at instead.
    #[inline]
    pub fn claim(self) -> Result<Self, Refused> {
        match self.state {
            State::Uninit | State::Swapped { .. } => {
                let slot = self.slot();
                Ok(Self { pins: 1, ..self.begin(State::Loading { slot }) })
            }
            State::Loading { .. } if mutant!("second_claim") => Ok(self.to(self.state)),
            State::Cleaning { frame } => Err(Refused::Resident(frame)),
            _ => Err(self.refusal()),
        }
    }

    /// [`claim`](Self::claim) by readahead, which found the page by its slot a while ago: only if it still waits there.
    ///
    /// # Errors
    /// `NotInSlot`: somebody was faster; leave it alone.
    pub fn claim_in(self, slot: Slot) -> Result<Self, Refused> {
        match self.state {
            State::Swapped { slot: now } if now == slot || mutant!("readahead_trusts_slot") => self.claim(),
            _ => Err(Refused::NotInSlot),
        }
    }

    /// Loading -> Resident. The claimer keeps its pin and every waiter has one from now on; the caller then wakes them. The slot
    /// that it was loaded from stays as a copy.
    ///
    /// # Errors
    /// `NotBegun`; the caller keeps its frame.
    #[inline]
    pub fn publish(self, frame: Pfn) -> Result<Self, Refused> {
        match self.state {
            State::Loading { slot } => {
                let pins = if mutant!("promise_not_kept") { 1 } else { self.pins };
                Ok(Self { pins, ..self.to(State::Resident { frame, slot }) })
            }
            _ => Err(Refused::NotBegun),
        }
    }

    /// [`publish`](Self::publish) by a claimer that does not map the page (readahead) and gives its pin up at once: waiters only have one.
    ///
    /// # Errors
    /// As `publish`.
    pub fn publish_unpinned(self, frame: Pfn) -> Result<Self, Refused> {
        self.publish(frame)?.unpin()
    }

    /// Loading -> Uninit or Swapped after an error: the claimer keeps its frame, all promised pins are void; the caller then
    /// wakes the waiters.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn abort(self) -> Result<Self, Refused> {
        match self.state {
            State::Loading { slot } => Ok(self.gone(slot)),
            _ => Err(Refused::NotBegun),
        }
    }
}
