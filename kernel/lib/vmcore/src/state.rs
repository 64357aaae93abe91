//! [`PageState`]: what a logical page may do next. Pure transition functions; the kernel calls them under the page's lock.
//!
//! ```text
//! Uninit --claim--> Loading --publish--> Resident{frame}
//!    ^----abort--------'
//! any but Loading, unpinned --kill--> Dead
//! ```
//!
//! **Pins.** A pin keeps a page Resident. Whoever claims a page owns a pin from then on; whoever finds it Loading and waits is
//! promised one ([`wait`](PageState::wait)) and holds it the moment the page is published, so that nothing can take the page
//! away between "ready" and "mapped". An abort voids all promises. A waiter learns which of the two happened by its [`Ticket`].
//!
//! **Generations.** Each transition adds one. Events carry the generation, so their order can be judged without clocks.

use core::fmt;
use fl_addr::Pfn;
use fl_model::mutant;

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Has no frame; its content is still at its source (zero, or the program file).
    Uninit,
    /// Busy: its claimer has a frame and fills it.
    Loading,
    /// Its content is in `frame`.
    Resident {
        /// The frame, owned by the page.
        frame: Pfn,
    },
    /// No address refers to it any more. Final.
    Dead,
}

/// Why a transition is not possible now. The page is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refused {
    /// It is busy: wait on it holding nothing, and start again.
    Busy,
    /// It is resident already, in that frame: pin and map it.
    Resident(Pfn),
    /// It has no frame: claim it.
    NotResident,
    /// It is not being loaded; only its claimer may publish or abort. The caller's fault.
    NotLoading,
    /// Pins hold it where it is; how many.
    Pinned(u32),
    /// It has no pin to take away. The caller's fault.
    NotPinned,
    /// The pin count is at its maximum.
    TooManyPins,
    /// It is dead.
    Dead,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the page is busy"),
            Self::Resident(frame) => write!(f, "the page is resident in frame {frame}"),
            Self::NotResident => f.write_str("the page has no frame"),
            Self::NotLoading => f.write_str("the page is not being loaded"),
            Self::Pinned(n) => write!(f, "the page is pinned {n} times"),
            Self::NotPinned => f.write_str("the page is not pinned"),
            Self::TooManyPins => f.write_str("the page has too many pins"),
            Self::Dead => f.write_str("the page is dead"),
        }
    }
}

impl core::error::Error for Refused {}

/// The promise of a pin, given to one who waits for a page that is Loading. Used up by [`PageState::redeem`] or [`PageState::give_up`].
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a ticket stands for a pin"]
pub struct Ticket {
    /// The page's generation while it was being loaded.
    generation: u32,
}

/// What became of a [`Ticket`].
#[derive(PartialEq, Eq, Debug)]
pub enum Redeemed {
    /// The page is resident in that frame and the caller holds a pin on it.
    Pinned(Pfn),
    /// Still being loaded: go on waiting. The ticket stays good.
    StillLoading(Ticket),
    /// The load was given up; the caller holds nothing and starts again.
    Aborted,
}

/// State, pins and generation of a logical page.
///
/// Owns nothing: the frame it names belongs to the page it is part of. Lock: the page's (rank 6).
/// Legal combinations: Uninit and Dead have no pins; Loading has at least its claimer's (then a promise); Resident any number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageState {
    state: State,
    pins: u32,
    generation: u32,
}

impl Default for PageState {
    fn default() -> Self {
        Self::new()
    }
}

impl PageState {
    /// A new page: Uninit, generation 0.
    pub const fn new() -> Self {
        Self { state: State::Uninit, pins: 0, generation: 0 }
    }

    /// Where it is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// How many pins it has; while Loading, how many it will have when published.
    pub const fn pins(&self) -> u32 {
        self.pins
    }

    /// How many transitions it went through, modulo 2^32.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The frame it owns, if it is resident. (While Loading the claimer holds the frame.)
    pub const fn frame(&self) -> Option<Pfn> {
        match self.state {
            State::Resident { frame } => Some(frame),
            _ => None,
        }
    }

    /// Uninit -> Loading. The caller, who has a frame in hand, fills it and then calls [`publish`](Self::publish) or [`abort`](Self::abort).
    ///
    /// # Errors
    /// `Busy`, `Resident`, `Dead`: what the caller should look at instead.
    pub fn claim(self) -> Result<Self, Refused> {
        match self.state {
            State::Uninit => Ok(self.to(State::Loading, 1)),
            State::Loading if mutant!("second_claim") => Ok(self.to(State::Loading, self.pins)),
            State::Loading => Err(Refused::Busy),
            State::Resident { frame } => Err(Refused::Resident(frame)),
            State::Dead => Err(Refused::Dead),
        }
    }

    /// Loading -> Resident. The claimer keeps its pin and every waiter has one from now on; the caller then wakes them.
    ///
    /// # Errors
    /// `NotLoading`; the caller keeps its frame.
    pub fn publish(self, frame: Pfn) -> Result<Self, Refused> {
        match self.state {
            State::Loading => {
                let pins = if mutant!("promise_not_kept") { 1 } else { self.pins };
                Ok(self.to(State::Resident { frame }, pins))
            }
            _ => Err(Refused::NotLoading),
        }
    }

    /// Loading -> Uninit after an error: the claimer keeps its frame, all promised pins are void; the caller then wakes the waiters.
    ///
    /// # Errors
    /// `NotLoading`.
    pub fn abort(self) -> Result<Self, Refused> {
        match self.state {
            State::Loading => Ok(self.to(State::Uninit, 0)),
            _ => Err(Refused::NotLoading),
        }
    }

    /// Any but Loading -> Dead, at the last detach. Returns the frame, now the caller's, to be freed after the flush.
    ///
    /// # Errors
    /// `Busy`: wait and start again. `Pinned`: likewise. `Dead`: it was killed before; the caller's fault.
    pub fn kill(self) -> Result<(Self, Option<Pfn>), Refused> {
        match self.state {
            State::Loading => Err(Refused::Busy),
            State::Dead => Err(Refused::Dead),
            State::Resident { .. } if self.pins != 0 && !mutant!("pinned_killed") => {
                Err(Refused::Pinned(self.pins))
            }
            State::Uninit | State::Resident { .. } => Ok((self.to(State::Dead, 0), self.frame())),
        }
    }

    /// Adds a pin to a resident page and returns its frame.
    ///
    /// # Errors
    /// `Busy`: [`wait`](Self::wait). `NotResident`: claim it. `Dead`. `TooManyPins`.
    pub fn pin(self) -> Result<(Self, Pfn), Refused> {
        match self.state {
            State::Resident { frame } => match self.pins.checked_add(1) {
                Some(pins) => Ok((Self { pins, ..self }, frame)),
                None => Err(Refused::TooManyPins),
            },
            State::Loading => Err(Refused::Busy),
            State::Uninit => Err(Refused::NotResident),
            State::Dead => Err(Refused::Dead),
        }
    }

    /// Takes a pin away. The last one frees the page to leave Resident.
    ///
    /// # Errors
    /// `NotPinned`: it has none. While Loading pins are promises, which only [`give_up`](Self::give_up) takes back.
    pub fn unpin(self) -> Result<Self, Refused> {
        match (self.state, self.pins.checked_sub(1)) {
            (State::Resident { .. }, Some(pins)) => Ok(Self { pins, ..self }),
            _ => Err(Refused::NotPinned),
        }
    }

    /// Promises a pin to one who will wait until the page is loaded. The caller then sleeps, holding nothing.
    ///
    /// # Errors
    /// `Resident`, `NotResident`, `Dead`: nothing to wait for. `TooManyPins`.
    pub fn wait(self) -> Result<(Self, Ticket), Refused> {
        match self.state {
            State::Loading => match self.pins.checked_add(1) {
                Some(pins) => Ok((Self { pins, ..self }, Ticket { generation: self.generation })),
                None => Err(Refused::TooManyPins),
            },
            State::Resident { frame } => Err(Refused::Resident(frame)),
            State::Uninit => Err(Refused::NotResident),
            State::Dead => Err(Refused::Dead),
        }
    }

    /// What became of a promise. Changes nothing: the pin was counted when the page was published.
    pub fn redeem(&self, ticket: Ticket) -> Redeemed {
        match self.state {
            State::Loading if self.generation == ticket.generation => Redeemed::StillLoading(ticket),
            // The pin itself keeps the page in this state and generation; any other means that the load was aborted.
            State::Resident { frame }
                if self.generation == ticket.generation.wrapping_add(1) || mutant!("stale_ticket") =>
            {
                Redeemed::Pinned(frame)
            }
            _ => Redeemed::Aborted,
        }
    }

    /// Takes a promise back, kept or not: for a waiter that is killed or times out.
    pub fn give_up(self, ticket: Ticket) -> Self {
        match self.redeem(ticket) {
            // Cannot wrap: the promise or the pin was counted.
            Redeemed::StillLoading(_) | Redeemed::Pinned(_) => Self { pins: self.pins - 1, ..self },
            Redeemed::Aborted => self,
        }
    }

    /// The state after a transition.
    const fn to(self, state: State, pins: u32) -> Self {
        Self { state, pins, generation: self.generation.wrapping_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Pfn = Pfn(7);

    #[test]
    fn the_pin_count_never_wraps() {
        let full = PageState { state: State::Resident { frame: FRAME }, pins: u32::MAX, generation: 2 };
        assert_eq!(full.pin(), Err(Refused::TooManyPins));
        assert_eq!(full.unpin().unwrap().pins(), u32::MAX - 1);
        let promised = PageState { state: State::Loading, ..full };
        assert_eq!(promised.wait(), Err(Refused::TooManyPins));
    }

    #[test]
    fn a_promise_holds_across_the_wrap_of_the_generation() {
        let page = PageState { state: State::Loading, pins: 1, generation: u32::MAX };
        let (page, ticket) = page.wait().unwrap();
        let page = page.publish(FRAME).unwrap();
        assert_eq!(page.generation(), 0);
        assert_eq!(page.redeem(ticket), Redeemed::Pinned(FRAME));
    }
}
