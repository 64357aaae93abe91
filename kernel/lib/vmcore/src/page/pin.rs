//! Holding a page where it is, and waiting for one that is busy.

use super::{PageState, Refused, State};
use fl_addr::Pfn;
use fl_model::mutant;

/// The promise of a pin, given to one who waits for a busy page. Used up by [`PageState::redeem`] or [`PageState::give_up`].
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a ticket stands for a pin"]
pub struct Ticket {
    /// The busy period that is waited for.
    period: u32,
}

/// What became of a [`Ticket`].
#[derive(PartialEq, Eq, Debug)]
pub enum Redeemed {
    /// The page is resident in that frame and the caller holds a pin on it.
    Pinned(Pfn),
    /// Still busy: go on waiting. The ticket stays good.
    StillBusy(Ticket),
    /// The load was given up; the caller holds nothing and starts again.
    Aborted,
}

impl PageState {
    /// Adds a pin to a page that has its content, and returns its frame.
    ///
    /// # Errors
    /// `Busy`: [`wait`](Self::wait). `NotResident`: claim it. `Dead`. `TooManyPins`.
    #[inline]
    pub fn pin(self) -> Result<(Self, Pfn), Refused> {
        match self.state {
            State::Resident { frame, .. } | State::Cleaning { frame } => match self.pins.checked_add(1) {
                Some(pins) => Ok((Self { pins, ..self }, frame)),
                None => Err(Refused::TooManyPins),
            },
            _ => Err(self.refusal()),
        }
    }

    /// Takes a pin away. The last one frees the page to be evicted.
    ///
    /// # Errors
    /// `NotPinned`: it has none. While it is busy pins are promises, which only [`give_up`](Self::give_up) takes back.
    #[inline]
    pub fn unpin(self) -> Result<Self, Refused> {
        match (self.state, self.pins.checked_sub(1)) {
            (State::Resident { .. } | State::Cleaning { .. }, Some(pins)) => Ok(Self { pins, ..self }),
            _ => Err(Refused::NotPinned),
        }
    }

    /// [`unpin`](Self::unpin) by one who stored to the frame other than through a page-table entry: the kernel, or a device that
    /// it told to.
    ///
    /// # Errors
    /// As `unpin`.
    pub fn unpin_written(self) -> Result<Self, Refused> {
        let unpinned = self.unpin()?;
        Ok(Self { dirty: !mutant!("kernel_store_not_dirty"), ..unpinned })
    }

    /// Promises a pin to one who will wait until the page is no longer busy. The caller then sleeps, holding nothing. A page that
    /// is being written out is rescued by that: it stays.
    ///
    /// # Errors
    /// `Resident`, `NotResident`, `Dead`: nothing to wait for. `TooManyPins`.
    pub fn wait(self) -> Result<(Self, Ticket), Refused> {
        let state = match self.state {
            State::Writeback { frame, to, .. } => State::Writeback { frame, to, rescue: true },
            State::Loading { .. } | State::Evicting { .. } => self.state,
            State::Cleaning { frame } => return Err(Refused::Resident(frame)),
            _ => return Err(self.refusal()),
        };
        match self.pins.checked_add(1) {
            Some(pins) => Ok((Self { state, pins, ..self }, Ticket { period: self.busy_periods })),
            None => Err(Refused::TooManyPins),
        }
    }

    /// What became of a promise. Changes nothing: the pin was counted when the page became resident.
    pub fn redeem(&self, ticket: Ticket) -> Redeemed {
        // A pin keeps the page from becoming busy again: in another period the promise was void, and in this one it was kept
        // if the page has its content.
        let same = self.busy_periods == ticket.period || mutant!("stale_ticket");
        match self.state {
            State::Loading { .. } | State::Evicting { .. } | State::Writeback { .. } if same => {
                Redeemed::StillBusy(ticket)
            }
            State::Resident { frame, .. } | State::Cleaning { frame } if same => Redeemed::Pinned(frame),
            _ => Redeemed::Aborted,
        }
    }

    /// Takes a promise back, kept or not: for a waiter that is killed or times out.
    pub fn give_up(self, ticket: Ticket) -> Self {
        match self.redeem(ticket) {
            // Cannot wrap: the promise or the pin was counted.
            Redeemed::StillBusy(_) | Redeemed::Pinned(_) => Self { pins: self.pins - 1, ..self },
            Redeemed::Aborted => self,
        }
    }
}
