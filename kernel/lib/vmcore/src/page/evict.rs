//! Taking a page's frame away: evict, judge, write out.
//!
//! In this order, so that no store is lost and no processor reaches a frame that is another's by then:
//! 1. [`begin_evict`](PageState::begin_evict), by a try-lock of a page that is not pinned. From here on nobody maps it.
//! 2. Take every mapping out by an atomic swap of its entry, which yields the final dirty bit; flush; wait until every processor
//!    has acknowledged. Before that neither may the frame be read for writing out nor its content be taken for final.
//! 3. [`judge`](PageState::judge) with the dirty bits: kept, because somebody faulted meanwhile; clean, and the frame is free; or dirty.
//! 4. Dirty: allot a slot (or [`keep`](PageState::keep) it if there is none), [`begin_write`](PageState::begin_write), write.
//! 5. On completion [`written`](PageState::written) or [`write_failed`](PageState::write_failed). The slot is readable only now.
//!
//! After every step that ends the busy period the caller wakes those who wait. They hold their pins already.

use super::{Home, Kind, PageState, Refused, State};
use fl_addr::{Pfn, Slot};
use fl_model::mutant;

/// What becomes of a page that is mapped nowhere any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the frame or the page has to go on"]
pub enum Verdict {
    /// Somebody waits for it: it is Resident again and each waiter has a pin. Wake them.
    Kept,
    /// It had a true copy: it is Uninit or Swapped, and the frame is the caller's, free.
    Gone(Pfn),
    /// It is still Evicting and must be written out, or kept.
    Dirty(Pfn),
}

impl PageState {
    /// Resident -> Evicting.
    ///
    /// # Errors
    /// `Busy`, `Pinned`, `NotResident`, `Dead`: choose another.
    pub fn begin_evict(self) -> Result<Self, Refused> {
        match self.state {
            State::Resident { .. } if self.pins != 0 && !mutant!("pinned_evicted") => {
                Err(Refused::Pinned(self.pins))
            }
            State::Resident { frame, slot } => Ok(self.begin(State::Evicting { frame, slot })),
            _ => Err(self.refusal()),
        }
    }

    /// Evicting -> whatever the [`Verdict`] says. `dirty`: one of the mappings had its dirty bit set. Every processor has
    /// acknowledged the flush.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn judge(self, dirty: bool) -> Result<(Self, Verdict), Refused> {
        let State::Evicting { frame, slot } = self.state else { return Err(Refused::NotBegun) };
        let judged = Self { dirty: self.dirty && !mutant!("noted_dirty_ignored") || dirty, ..self };
        Ok(if judged.pins != 0 {
            (judged.to(State::Resident { frame, slot }), Verdict::Kept)
        } else if judged.dirty && !mutant!("skipped_writeback") {
            (judged, Verdict::Dirty(frame))
        } else {
            (judged.gone(slot), Verdict::Gone(frame))
        })
    }

    /// Evicting -> Resident: there is no slot for it, or the evictor thinks better of it. Every waiter has its pin.
    /// `dirty`: as for [`judge`](Self::judge), unless that was called already.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn keep(self, dirty: bool) -> Result<Self, Refused> {
        match self.state {
            State::Evicting { frame, slot } => {
                Ok(Self { dirty: self.dirty || dirty, ..self.to(State::Resident { frame, slot }) })
            }
            _ => Err(Refused::NotBegun),
        }
    }

    /// Evicting -> Writeback, once judged dirty. The page owns `to` now; its old slot, if it is another, is returned and free: the
    /// copy in it is out of date, and nobody reads it, because slots are read by Loading only.
    ///
    /// # Errors
    /// `Wanted`: somebody has begun to wait; [`keep`](Self::keep) it. `Clean`: it was not judged dirty. `WrongHome`. `NotBegun`.
    /// The caller keeps the slot.
    pub fn begin_write(self, to: Home) -> Result<(Self, Option<Slot>), Refused> {
        let State::Evicting { frame, slot: old } = self.state else { return Err(Refused::NotBegun) };
        match (self.kind, to) {
            _ if self.pins != 0 => Err(Refused::Wanted),
            _ if !self.dirty => Err(Refused::Clean),
            (Kind::File, Home::Slot(_)) | (Kind::Private, Home::File) => Err(Refused::WrongHome),
            (Kind::File, Home::File) | (Kind::Private, Home::Slot(_)) => {
                let stale = old.filter(|&old| to != Home::Slot(old));
                Ok((self.to(State::Writeback { frame, to, rescue: false }), stale))
            }
        }
    }

    /// Writeback -> Uninit or Swapped, and the frame is the caller's, free; or, if somebody has begun to wait, -> Resident with
    /// a copy, and `None`.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn written(self) -> Result<(Self, Option<Pfn>), Refused> {
        let State::Writeback { frame, rescue, .. } = self.state else { return Err(Refused::NotBegun) };
        let slot = self.slot();
        Ok(if rescue {
            (Self { dirty: false, ..self.to(State::Resident { frame, slot }) }, None)
        } else {
            (self.gone(slot), Some(frame))
        })
    }

    /// Writeback -> Resident: the content has no copy and so the page keeps its frame. Returns the slot that could not be written.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn write_failed(self) -> Result<(Self, Option<Slot>), Refused> {
        match self.state {
            State::Writeback { frame, .. } => {
                Ok((self.to(State::Resident { frame, slot: None }), self.slot()))
            }
            _ => Err(Refused::NotBegun),
        }
    }

    /// Takes the slot of a page that has its frame, when slots are short. The page is dirty from now on: the frame has the only copy.
    ///
    /// # Errors
    /// `Busy`: the slot may be being read or written. `NotResident`: it holds the content. `NotInSlot`: it has none. `Dead`.
    pub fn take_slot(self) -> Result<(Self, Slot), Refused> {
        match self.state {
            State::Resident { frame, slot: Some(slot) } => {
                let state = State::Resident { frame, slot: None };
                Ok((Self { state, dirty: !mutant!("slot_taken_from_clean_page"), ..self }, slot))
            }
            State::Resident { slot: None, .. } | State::Cleaning { .. } => Err(Refused::NotInSlot),
            _ => Err(self.refusal()),
        }
    }
}
