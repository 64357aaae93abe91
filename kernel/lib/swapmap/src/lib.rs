//! [`SwapMap`]: the slots of the swap area: which are free, and which page the others belong to.
//!
//! Slots are given out in contiguous runs, so that pages evicted together are written by one request and stand together when readahead
//! looks around one of them. The search goes on where the last one ended (next fit): it seldom meets the small holes that single
//! frees leave behind, and it writes the area from end to end before it writes a place again. Nothing is allocated after
//! construction. What a page may do with its slot is `fl_vmcore`'s affair.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
pub mod area;
mod bitmap;

use alloc::vec::Vec;
use bitmap::Bitmap;
use core::fmt;
use fl_addr::Slot;
use fl_model::mutant;

/// The part of all slots below which slots are short: 1/8. From there on those that resident pages keep as copies are reclaimed first.
const SHORT_PART: u32 = 8;

/// Neighbouring slots.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Run {
    /// The lowest.
    pub first: Slot,
    /// How many, at least 1.
    pub len: u32,
}

impl Run {
    /// Its slots in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Slot> {
        (self.first.0..self.first.0 + self.len).map(Slot)
    }
}

/// No kernel memory for the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// Somebody gives back or owns a slot that is not his. Always a bug of the kernel, never of a user program; do not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misuse {
    /// The slot is free already.
    DoubleFree(Slot),
    /// There is no such slot.
    Foreign(Slot),
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no kernel memory for the map of swap slots")
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubleFree(slot) => write!(f, "swap slot {slot} freed or used while free"),
            Self::Foreign(slot) => write!(f, "there is no swap slot {slot}"),
        }
    }
}

impl core::error::Error for NoMemory {}
impl core::error::Error for Misuse {}

/// The slots of one swap area. `O`: how a page is named to whoever reads ahead; in the kernel a weak reference.
///
/// Owns the names, not the pages. Lock: the swap map's (a spin leaf); owners that come out are dropped outside it. Every call but the
/// search for a run takes constant time; that reads one word for each 64 slots at most twice.
#[derive(Debug)]
pub struct SwapMap<O> {
    used: Bitmap,
    /// Of slots that can be read. A slot being written has none yet.
    owners: Vec<Option<O>>,
    free: u32,
    /// Where the next search begins.
    next: u32,
}

impl<O> SwapMap<O> {
    /// A map of `slots` free slots.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(slots: u32) -> Result<Self, NoMemory> {
        let mut owners = Vec::new();
        owners.try_reserve_exact(slots as usize).map_err(|_| NoMemory)?;
        owners.resize_with(slots as usize, || None);
        Ok(Self { used: Bitmap::new(slots).ok_or(NoMemory)?, owners, free: slots, next: 0 })
    }

    /// How many slots there are.
    pub fn total(&self) -> u32 {
        self.used.len()
    }

    /// How many are free.
    pub fn free_slots(&self) -> u32 {
        self.free
    }

    /// Whether slots are so short that copies of resident pages are to be given up first.
    pub fn is_short(&self) -> bool {
        self.free < self.total() / SHORT_PART
    }

    /// Takes one slot. `None`: all are used.
    pub fn alloc(&mut self) -> Option<Slot> {
        self.alloc_run(1).map(|run| run.first)
    }

    /// Takes up to `max` neighbouring slots: the next run that is long enough, else the longest there is. `None`: all are used,
    /// or `max` is 0. They have no owner yet.
    pub fn alloc_run(&mut self, max: u32) -> Option<Run> {
        if max == 0 || self.free == 0 {
            return None;
        }
        let run = self.find(max)?;
        for slot in run.iter() {
            if !mutant!("double_slot") {
                self.used.set(slot.0);
            }
        }
        self.free -= run.len;
        self.next = run.first.0 + run.len;
        Some(run)
    }

    /// The first run of `max` free slots from the hint on, round to it again; else the longest that was met.
    fn find(&self, max: u32) -> Option<Run> {
        let mut best: Option<Run> = None;
        for (from, to) in [(self.next, self.total()), (0, self.next)] {
            let mut at = from;
            while let Some(start) = self.used.next_clear(at).filter(|&start| start < to) {
                let limit = start.saturating_add(max).min(to);
                let end = self.used.next_set(start).map_or(limit, |end| end.min(limit));
                let run = Run { first: Slot(start), len: end - start };
                if run.len == max {
                    return Some(run);
                }
                if best.is_none_or(|best| best.len < run.len) {
                    best = Some(run);
                }
                at = end;
            }
        }
        best
    }

    /// Gives a slot back, and returns its owner's name.
    ///
    /// # Errors
    /// [`Misuse`]; nothing is changed.
    pub fn free(&mut self, slot: Slot) -> Result<Option<O>, Misuse> {
        self.check_used(slot)?;
        self.used.clear(slot.0);
        self.free += 1;
        Ok(self.owners[slot.0 as usize].take())
    }

    /// Says whose the slot is, once it can be read; returns the name that was there.
    ///
    /// # Errors
    /// [`Misuse`]; nothing is changed.
    pub fn set_owner(&mut self, slot: Slot, owner: O) -> Result<Option<O>, Misuse> {
        self.check_used(slot)?;
        Ok(self.owners[slot.0 as usize].replace(owner))
    }

    /// Whose the slot is. `None`: it is free or being written.
    pub fn owner(&self, slot: Slot) -> Option<&O> {
        self.owners.get(slot.0 as usize)?.as_ref()
    }

    /// The slots that can be read in the window of `window` slots that `slot` lies in (windows stand side by side, so that neighbours
    /// find the same one), without `slot` itself, and whose they are.
    ///
    /// That is a hint: by the time an owner is asked (by `claim_in` of its state) it may have left the slot.
    pub fn around(&self, slot: Slot, window: u32) -> impl Iterator<Item = (Slot, &O)> {
        let window = window.max(1);
        let start = slot.0 - slot.0 % window;
        let end = start.saturating_add(window).min(self.total());
        (start..end).map(Slot).filter(move |&s| s != slot).filter_map(|s| Some((s, self.owner(s)?)))
    }

    fn check_used(&self, slot: Slot) -> Result<(), Misuse> {
        match self.used.get(slot.0) {
            None => Err(Misuse::Foreign(slot)),
            Some(false) => Err(Misuse::DoubleFree(slot)),
            Some(true) => Ok(()),
        }
    }
}
