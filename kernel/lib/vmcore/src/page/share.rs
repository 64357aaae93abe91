//! Entries that come to refer to a page, and those that stop.

use super::{Kind, PageState, Refused, State};
use fl_addr::{Pfn, Slot};
use fl_model::mutant;

/// What a page owned when its last entry went: the caller's now. The frame is free once every processor has acknowledged the
/// flush of the mapping, the slot at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "frame and slot have no other owner"]
pub struct Remains {
    /// The frame, if it had one.
    pub frame: Option<Pfn>,
    /// The swap slot, if it had one.
    pub slot: Option<Slot>,
}

impl PageState {
    /// One more entry refers to the page: fork's child, or another mapping of a file page. Possible in any state.
    ///
    /// `dirty`: the entry that fork write-protected had its dirty bit set.
    ///
    /// # Errors
    /// `Dead`: who found it in a table of file pages makes a new one. `TooManySharers`. `NotMapped`.
    #[inline]
    pub fn attach(self, dirty: bool) -> Result<Self, Refused> {
        match (self.state, self.sharers.checked_add(1)) {
            (State::Dead, _) => Err(Refused::Dead),
            (_, None) => Err(Refused::TooManySharers),
            (_, Some(sharers)) => Ok(Self { sharers, ..self.noting(dirty)? }),
        }
    }

    /// [`attach`](Self::attach) in place, by an entry that keeps the page alive.
    ///
    /// # Panics
    /// If the page is dead, has too many sharers, or is said to have been mapped and dirty that cannot have been mapped: bugs of the caller.
    #[inline]
    pub fn join(&mut self, dirty: bool) {
        assert!(self.sharers != 0, "the entry that is copied keeps the page alive");
        self.sharers = self.sharers.checked_add(1).expect("memory is too small for so many entries");
        if dirty && !self.dirty {
            *self = self.noting(true).expect("only a page with a frame is mapped");
        }
    }

    /// An entry stops to refer to the page; `dirty`: its mapping, which the caller has taken out under this same lock, had its dirty
    /// bit set. The last one makes the page Dead and gets what it owned; others get `None`, in any state.
    ///
    /// # Errors
    /// Nothing is changed then. Only for the last one: `Busy`: readahead or the evictor has the page; sleep until it is neither
    /// [busy](Self::is_busy) nor being cleaned, holding nothing, and try again. `Unwritten`: a file would lose stores; clean the
    /// page first, or [`discard_stores`](Self::discard_stores) if that failed. `Pinned`: the caller itself still holds a pin, as
    /// nobody but sharers keeps one. For any one: `Dead`, it was detached before; `NotMapped`. These three are the caller's fault.
    #[inline]
    pub fn detach(self, dirty: bool) -> Result<(Self, Option<Remains>), Refused> {
        if self.state == State::Dead {
            return Err(Refused::Dead);
        }
        let noted = self.noting(dirty)?;
        if self.sharers > 1 {
            let early = Remains { frame: self.frame(), slot: None };
            return Ok((
                Self { sharers: self.sharers - 1, ..noted },
                mutant!("double_free").then_some(early),
            ));
        }
        match self.state {
            State::Uninit | State::Swapped { .. } | State::Resident { .. } => {}
            _ => return Err(Refused::Busy),
        }
        if self.pins != 0 && !mutant!("pinned_killed") {
            return Err(Refused::Pinned(self.pins));
        }
        if noted.dirty && self.kind == Kind::File && !mutant!("unwritten_page_dropped") {
            return Err(Refused::Unwritten);
        }
        let frame = self.frame().filter(|_| !mutant!("leaked_frame"));
        let slot = self.slot().filter(|_| !mutant!("leaked_slot"));
        let dead = Self { dirty: false, pins: 0, sharers: 0, ..self.to(State::Dead) };
        Ok((dead, Some(Remains { frame, slot })))
    }

    /// Whether [`leave`](Self::leave) may be called: others keep the page, or it is a private one, resident and unpinned, that ends with its only entry. So it is with
    /// nearly all pages that are let go.
    #[inline]
    pub fn may_leave(&self) -> bool {
        let ends = matches!(self.state, State::Resident { .. }) && matches!(self.kind, Kind::Private);
        self.sharers > 1 || self.sharers == 1 && ends && (self.pins == 0 || mutant!("pinned_killed"))
    }

    /// [`detach`](Self::detach) in place and without a refusal, where [`may_leave`](Self::may_leave) has said so under the same lock. `dirty` is of no account for a
    /// page that ends.
    ///
    /// # Panics
    /// If it may not leave, or a page is said to have been mapped and dirty that cannot have been mapped: bugs of the caller.
    #[inline]
    pub fn leave(&mut self, dirty: bool) -> Option<Remains> {
        if self.sharers > 1 {
            let early = Remains { frame: self.frame(), slot: None };
            self.sharers -= 1;
            if dirty && !self.dirty {
                *self = self.noting(true).expect("only a page with a frame is mapped");
            }
            return mutant!("double_free").then_some(early);
        }
        let State::Resident { frame, slot } = self.state else { panic!("the page may not be left so") };
        self.state = State::Dead;
        (self.dirty, self.pins, self.sharers) = (false, 0, 0);
        self.generation = self.generation.wrapping_add(1);
        let frame = (!mutant!("leaked_frame")).then_some(frame);
        Some(Remains { frame, slot: slot.filter(|_| !mutant!("leaked_slot")) })
    }

    /// With the dirty bit of a mapping that was taken away or write-protected. A page that was mapped has its frame, and the
    /// evictor has not begun to write it.
    #[inline]
    fn noting(self, dirty: bool) -> Result<Self, Refused> {
        match self.state {
            State::Resident { .. } | State::Cleaning { .. } | State::Evicting { .. } => {
                Ok(Self { dirty: self.dirty || dirty && !mutant!("lost_dirty_of_sharer"), ..self })
            }
            _ if dirty => Err(Refused::NotMapped),
            _ => Ok(self),
        }
    }
}
