//! [`PageState`]: what a logical page may do next. Pure transition functions; the kernel calls them under the page's lock.
//!
//! ```text
//! Uninit ---claim--> Loading --publish--> Resident --begin_evict--> Evicting --judge: clean--> Uninit | Swapped
//! Swapped --'  ^--abort--'                |  ^  ^  ^                 |   '--begin_write--> Writeback --written--> Uninit | Swapped
//!                                         |  |  |  '--keep, wanted---'                       |
//!                         begin_clean-----'  |  '--rescued, write_failed---------------------'
//!                              '-> Cleaning -'
//! any but Loading, Cleaning, Evicting, Writeback, unpinned --last detach--> Dead
//! ```
//!
//! **Pins** ([`pin`]). A pin keeps a page's frame. Whoever claims a page owns a pin from then on; whoever finds it busy and waits is
//! promised one and holds it the moment the page is resident, so that nothing can take the page away between "ready" and
//! "mapped". A load that fails voids all promises. A waiter learns which of the two happened by its [`pin::Ticket`].
//!
//! **Sharers** ([`share`]) are the supplemental-page-table entries that refer to the page, not the references that the evictor and
//! waiters hold for a while. The last one to go takes frame and slot along.
//!
//! **Dirty** means that the content has no copy: not in the slot, not in the file, not "all zero". The processor knows it first,
//! by the dirty bits of page-table entries, and each of those bits is reported here by whoever takes the entry away or clears the bit:
//! [`detach`](PageState::detach), [`attach`](PageState::attach) (fork), [`gather`](PageState::gather) (cleaning), [`judge`](PageState::judge) (eviction).
//!
//! **Order.** A bit is reported in the same critical section of the page's lock in which the entry changes, or while the caller
//! holds the page in Cleaning or Evicting: otherwise an evictor could judge the page in between and lose the store.
//!
//! **Generations.** Each transition adds one. Events carry the generation, so their order can be judged without clocks.

pub mod clean;
pub mod evict;
pub mod load;
pub mod pin;
pub mod share;

use core::fmt;
use fl_addr::{Pfn, Slot};

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Has no frame; its content is at its source (zero, the program file, a mapped file).
    Uninit,
    /// Has no frame; its content is in the swap area.
    Swapped {
        /// The slot, owned by the page.
        slot: Slot,
    },
    /// Busy: its claimer has a frame and fills it from the slot or, if there is none, from the source.
    Loading {
        /// The slot, owned by the page. It is being read: nobody may take it.
        slot: Option<Slot>,
    },
    /// Its content is in `frame`.
    Resident {
        /// The frame, owned by the page.
        frame: Pfn,
        /// A slot that holds a copy, true until the page is dirtied. Owned by the page.
        slot: Option<Slot>,
    },
    /// As Resident, and its content is being written to its file. May be pinned, mapped and dirtied meanwhile.
    Cleaning {
        /// The frame, owned by the page.
        frame: Pfn,
    },
    /// Busy: the evictor takes its mappings away and then judges it.
    Evicting {
        /// The frame, owned by the page.
        frame: Pfn,
        /// As in `Resident`.
        slot: Option<Slot>,
    },
    /// Busy: nothing maps it, its content is being written out.
    Writeback {
        /// The frame, owned by the page and read by the device.
        frame: Pfn,
        /// Where to. A slot is owned by the page from here on.
        to: Home,
        /// Somebody faulted on it meanwhile: it stays, and no longer counts as a frame that will soon be free.
        rescue: bool,
    },
    /// No address refers to it any more. Final.
    Dead,
}

/// Where the content of a page without a frame is kept once it was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Home {
    /// The mapped file it came from.
    File,
    /// A slot of the swap area.
    Slot(Slot),
}

/// Whose bytes a page holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Those of the entries that share it, of which a writer gets its own copy. Written out to swap.
    Private,
    /// Those of a file: a store is meant for all who map it. Written out to the file, never to swap.
    File,
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
    /// It does not wait in that slot any more: somebody was faster.
    NotInSlot,
    /// Somebody waits for it: keep it.
    Wanted,
    /// It has a true copy already: nothing to write.
    Clean,
    /// What the caller wants to end or go on with has not begun. The caller's fault.
    NotBegun,
    /// File pages go to their file and private ones to swap. The caller's fault.
    WrongHome,
    /// It holds stores that its file does not have: clean it first.
    Unwritten,
    /// A dirty bit is reported of a page that cannot have been mapped. The caller's fault.
    NotMapped,
    /// Pins hold it where it is; how many.
    Pinned(u32),
    /// It has no pin to take away. The caller's fault.
    NotPinned,
    /// The pin count is at its maximum.
    TooManyPins,
    /// The count of entries is at its maximum.
    TooManySharers,
    /// It is dead.
    Dead,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the page is busy"),
            Self::Resident(frame) => write!(f, "the page is resident in frame {frame}"),
            Self::NotResident => f.write_str("the page has no frame"),
            Self::NotInSlot => f.write_str("the page is not in that slot"),
            Self::Wanted => f.write_str("somebody waits for the page"),
            Self::Clean => f.write_str("the page is clean"),
            Self::NotBegun => f.write_str("the page is in no such operation"),
            Self::WrongHome => f.write_str("the page is written elsewhere"),
            Self::Unwritten => f.write_str("the page is not written back"),
            Self::NotMapped => f.write_str("the page cannot have been mapped"),
            Self::Pinned(n) => write!(f, "the page is pinned {n} times"),
            Self::NotPinned => f.write_str("the page is not pinned"),
            Self::TooManyPins => f.write_str("the page has too many pins"),
            Self::TooManySharers => f.write_str("the page has too many sharers"),
            Self::Dead => f.write_str("the page is dead"),
        }
    }
}

impl core::error::Error for Refused {}

/// All that decides what a logical page may do.
///
/// Owns nothing: frame and slot it names belong to the page it is part of. Lock: the page's (rank 6).
///
/// | state | pins | sharers | dirty |
/// |---|---|---|---|
/// | Uninit, Swapped | 0 | >= 1 | no |
/// | Loading | promises, the claimer's included: >= 1 | >= 1 | no |
/// | Resident, Cleaning | >= 0 | >= 1 | either |
/// | Evicting | promises: >= 0 | >= 1 | either |
/// | Writeback | promises: >= 0 | >= 1 | yes |
/// | Dead | 0 | 0 | no |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageState {
    state: State,
    kind: Kind,
    /// Known to have no true copy. Entries that are still mapped may know better.
    dirty: bool,
    pins: u32,
    sharers: u32,
    generation: u32,
    /// How often it became busy, modulo 2^32: tells a ticket of this wait from one of an earlier.
    busy_periods: u32,
}

impl Default for PageState {
    fn default() -> Self {
        Self::new()
    }
}

impl PageState {
    /// A new private page with one sharer: Uninit, generation 0.
    pub const fn new() -> Self {
        Self {
            state: State::Uninit,
            kind: Kind::Private,
            dirty: false,
            pins: 0,
            sharers: 1,
            generation: 0,
            busy_periods: 0,
        }
    }

    /// A new page of a file with one sharer: Uninit, generation 0.
    pub const fn of_file() -> Self {
        Self { kind: Kind::File, ..Self::new() }
    }

    /// A private page that begins its life in `frame`, which a copy-on-write fault has filled: Resident and pinned by the
    /// caller, with one sharer. Dirty, because nothing else holds its content. Generation 1.
    pub const fn copied(frame: Pfn) -> Self {
        let state = State::Resident { frame, slot: None };
        Self { state, dirty: true, pins: 1, generation: 1, ..Self::new() }
    }

    /// A private page of zeroes that begins its life in `frame`, before anybody else knows of it: as if it had been claimed, published and unpinned at once.
    /// Resident, with one sharer.
    pub const fn zeroed(frame: Pfn) -> Self {
        let state = State::Resident { frame, slot: None };
        Self { state, generation: 2, busy_periods: 1, ..Self::new() }
    }

    /// Where it is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whose bytes it holds.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many pins it has; while busy, how many it will have when it is resident again.
    pub const fn pins(&self) -> u32 {
        self.pins
    }

    /// How many supplemental-page-table entries refer to it.
    pub const fn sharers(&self) -> u32 {
        self.sharers
    }

    /// Whether its content is known to have no copy.
    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// How many transitions it went through, modulo 2^32.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether somebody moves its content in or out: neither to be pinned nor to be taken apart.
    pub const fn is_busy(&self) -> bool {
        matches!(self.state, State::Loading { .. } | State::Evicting { .. } | State::Writeback { .. })
    }

    /// Whether its frame will be free when the write that is going on has ended. The evictor counts such frames as good as
    /// free; a fault that [`wait`](Self::wait)s for the page ends that.
    pub const fn in_flight(&self) -> bool {
        matches!(self.state, State::Writeback { rescue: false, .. })
    }

    /// The frame it owns. (While Loading the claimer holds the frame.)
    pub const fn frame(&self) -> Option<Pfn> {
        match self.state {
            State::Resident { frame, .. }
            | State::Cleaning { frame }
            | State::Evicting { frame, .. }
            | State::Writeback { frame, .. } => Some(frame),
            State::Uninit | State::Swapped { .. } | State::Loading { .. } | State::Dead => None,
        }
    }

    /// The swap slot it owns.
    pub const fn slot(&self) -> Option<Slot> {
        match self.state {
            State::Swapped { slot } | State::Writeback { to: Home::Slot(slot), .. } => Some(slot),
            State::Loading { slot } | State::Resident { slot, .. } | State::Evicting { slot, .. } => slot,
            State::Uninit
            | State::Cleaning { .. }
            | State::Writeback { to: Home::File, .. }
            | State::Dead => None,
        }
    }

    /// The state after a transition.
    const fn to(self, state: State) -> Self {
        Self { state, generation: self.generation.wrapping_add(1), ..self }
    }

    /// The state after a transition that begins a busy period; the pins are promises until it ends.
    const fn begin(self, state: State) -> Self {
        let next = self.to(state);
        Self { busy_periods: self.busy_periods.wrapping_add(1), ..next }
    }

    /// Without a frame: back in the slot or at the source. Nobody may have been promised a pin.
    const fn gone(self, slot: Option<Slot>) -> Self {
        let state = match slot {
            Some(slot) => State::Swapped { slot },
            None => State::Uninit,
        };
        let next = self.to(state);
        Self { dirty: false, pins: 0, ..next }
    }

    /// Why a page in this state cannot be pinned or taken: for the states that do not allow what was asked.
    const fn refusal(&self) -> Refused {
        match self.state {
            State::Uninit | State::Swapped { .. } => Refused::NotResident,
            State::Resident { frame, .. } => Refused::Resident(frame),
            State::Cleaning { .. }
            | State::Loading { .. }
            | State::Evicting { .. }
            | State::Writeback { .. } => Refused::Busy,
            State::Dead => Refused::Dead,
        }
    }
}
