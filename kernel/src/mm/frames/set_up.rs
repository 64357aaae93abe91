//! Which frames there are, and the memory that the caches' lists of them take. Once, at boot.

use super::{Cache, KERNEL, USER, set_online};
use crate::mm::early::Early;
use crate::sync::Once;
use fl_addr::Pfn;
use fl_frames::{OwnerMap, OwnerState};

/// The lowest user frame, and how many numbers there are from it to the highest.
static USER_SPAN: Once<(Pfn, u32)> = Once::new();

/// The lowest user frame, and how many frame numbers there are from it to the highest: for tables of user frames.
pub fn user_span() -> (Pfn, u32) {
    *USER_SPAN.get().expect("set when the caches get their frames")
}

/// Room for one class's bookkeeping.
struct Bookkeeping {
    storage: *mut Pfn,
    states: *mut OwnerState,
    len: usize,
    base: Pfn,
    frames: usize,
}
// SAFETY: plain memory handed from `reserve_bookkeeping` to `init`, both on the boot CPU.
unsafe impl Send for Bookkeeping {}
// SAFETY: as above; read once.
unsafe impl Sync for Bookkeeping {}

static BOOKKEEPING: Once<[Bookkeeping; 2]> = Once::new();

/// Sets memory aside for the lists of free frames, for as many frames as there are now. `span`: lowest and one past the highest.
pub(in crate::mm) fn reserve_bookkeeping(early: &mut Early, span: (u32, u32)) -> Option<()> {
    let len = early.left() as usize;
    let frames = (span.1 - span.0) as usize;
    let mut one = || {
        Some(Bookkeeping {
            storage: early.take_slice(len)?,
            states: early.take_slice(if cfg!(debug_assertions) { frames } else { 0 })?,
            len,
            base: Pfn(span.0),
            frames: if cfg!(debug_assertions) { frames } else { 0 },
        })
    };
    let both = [one()?, one()?];
    BOOKKEEPING.call_once(|| both);
    Some(())
}

/// Gives the caches their frames: the first `kernel` of `frames` and the next `user`. Call once.
pub(in crate::mm) fn init(kernel: u32, user: u32, mut frames: impl Iterator<Item = Pfn>) {
    let [k, u] = BOOKKEEPING.get().expect("reserved before");
    give(&KERNEL, k, frames.by_ref().take(kernel as usize));
    let (mut lowest, mut highest) = (u32::MAX, 0);
    let user = frames.take(user as usize).inspect(|pfn| {
        lowest = lowest.min(pfn.0);
        highest = highest.max(pfn.0);
    });
    give(&USER, u, user);
    USER_SPAN.call_once(|| (Pfn(lowest), (highest + 1).saturating_sub(lowest)));
    set_online();
}

fn give(cache: &Cache, room: &Bookkeeping, frames: impl Iterator<Item = Pfn>) {
    // SAFETY: `reserve_bookkeeping` took this memory for ever, zeroed, for this one use: a slice of `len` frame numbers and one
    // of `frames` states, whose representation of "nobody knows it" is a zero byte.
    let (storage, states) = unsafe {
        (
            core::slice::from_raw_parts_mut(room.storage, room.len),
            core::slice::from_raw_parts(room.states, room.frames),
        )
    };
    if cfg!(debug_assertions) {
        cache.init_checked(storage, OwnerMap::new(room.base, states), frames);
    } else {
        cache.init(storage, frames);
    }
}
