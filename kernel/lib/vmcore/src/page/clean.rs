//! Writing a file page back while it stays: at munmap, exit, exec and sync.
//!
//! In this order, so that no store is lost and none is written that nobody made:
//! 1. [`begin_clean`](PageState::begin_clean): nobody else cleans or evicts it.
//! 2. Clear the dirty bit in every alias and flush all processors that may have it cached: a store after that sets it again.
//! 3. [`gather`](PageState::gather): was it dirty at all? If not, there is nothing to write.
//! 4. Write; then [`cleaned`](PageState::cleaned) or [`clean_failed`](PageState::clean_failed), and wake who sleeps on the page.
//!
//! The page can be faulted on, pinned, mapped and stored to meanwhile. What was stored during the write may have been written or
//! not, but it has left a dirty bit. Who unmaps takes its own mapping out in step 2, and detaches after step 4.

use super::{Kind, PageState, Refused, State};
use fl_model::mutant;

impl PageState {
    /// Resident -> Cleaning, of a file page.
    ///
    /// # Errors
    /// `Busy`: somebody else cleans or moves it; sleep and look again. `NotResident`, `Dead`: nothing to clean.
    /// `WrongHome`: not a file page.
    pub fn begin_clean(self) -> Result<Self, Refused> {
        match self.state {
            State::Resident { frame, .. } if self.kind == Kind::File => {
                Ok(self.to(State::Cleaning { frame }))
            }
            State::Resident { .. } => Err(Refused::WrongHome),
            _ => Err(self.refusal()),
        }
    }

    /// Whether the page has to be written, given whether any alias had its dirty bit set. Counts as clean from now on: what is
    /// stored later counts anew.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn gather(self, dirty: bool) -> Result<(Self, bool), Refused> {
        match self.state {
            State::Cleaning { .. } => {
                Ok((Self { dirty: false, ..self }, self.dirty || dirty && !mutant!("lost_dirty")))
            }
            _ => Err(Refused::NotBegun),
        }
    }

    /// Cleaning -> Resident: written, or nothing to write.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn cleaned(self) -> Result<Self, Refused> {
        match self.state {
            State::Cleaning { frame } => {
                let dirty = self.dirty && !mutant!("store_during_clean_forgotten");
                Ok(Self { dirty, ..self.to(State::Resident { frame, slot: None }) })
            }
            _ => Err(Refused::NotBegun),
        }
    }

    /// Cleaning -> Resident, and dirty: the file does not have the content.
    ///
    /// # Errors
    /// `NotBegun`.
    pub fn clean_failed(self) -> Result<Self, Refused> {
        Ok(Self { dirty: true, ..self.cleaned()? })
    }

    /// Forgets the stores that a file page holds and its file does not, because they cannot be written: before the last
    /// [`detach`](Self::detach), whose caller has told those concerned.
    ///
    /// # Errors
    /// `Busy`, `NotResident`, `Dead`. `WrongHome`: not a file page.
    pub fn discard_stores(self) -> Result<Self, Refused> {
        match self.state {
            State::Resident { .. } if self.kind == Kind::File => Ok(Self { dirty: false, ..self }),
            State::Resident { .. } => Err(Refused::WrongHome),
            _ => Err(self.refusal()),
        }
    }
}
