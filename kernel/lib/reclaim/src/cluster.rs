//! The order of writes: pages that stand together in memory are put together on the disk, and written by one request.
//!
//! [`order`] sorts a batch of victims, [`assign`] gives them slots from contiguous runs, [`requests`] cuts the result into requests.
//! All in place: the evictor allocates nothing.

use core::cmp::Reverse;
use fl_addr::{Slot, Vpn};

/// A page to be written. `T`: what the caller needs to go on with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write<T> {
    /// Whose page: a number of its address space, or of its file.
    pub owner: u64,
    /// Which: page number in the space, or in the file.
    pub page: Vpn,
    /// Where to: given by [`assign`], or by the file.
    pub slot: Option<Slot>,
    /// The caller's.
    pub item: T,
}

/// Puts neighbours beside each other: by owner, then by page. Pages that will be wanted together, because they were used together,
/// then lie together for readahead.
pub fn order<T>(batch: &mut [Write<T>]) {
    batch.sort_unstable_by_key(|write| (write.owner, write.page));
}

/// Gives slots to the batch, in its order, from as few runs as `run` can give: that takes how many are wanted and returns the first
/// slot and how many there are from it. Returns how many writes have a slot; the rest is at the end, and stays in memory.
pub fn assign<T>(batch: &mut [Write<T>], mut run: impl FnMut(u32) -> Option<(Slot, u32)>) -> usize {
    let mut done = 0;
    while done < batch.len() {
        let Some((first, len)) = run((batch.len() - done) as u32) else { break };
        for (n, write) in (0..len).zip(&mut batch[done..]) {
            write.slot = Some(Slot(first.0 + n));
        }
        done += len as usize;
    }
    done
}

/// Cuts a batch that has its slots into requests: neighbouring slots, at most `most` pages each. Writes without a slot are left out.
pub fn requests<T>(batch: &mut [Write<T>], most: usize) -> impl Iterator<Item = &[Write<T>]> {
    batch.sort_unstable_by_key(|write| (Reverse(write.slot.is_some()), write.slot));
    let with_slot = batch.partition_point(|write| write.slot.is_some());
    let mut rest: &[Write<T>] = &batch[..with_slot];
    core::iter::from_fn(move || {
        let follows = |n: &usize| rest[*n].slot == rest[n - 1].slot.map(|slot| Slot(slot.0 + 1));
        let len = (1..rest.len().min(most.max(1))).take_while(follows).count() + 1;
        let (request, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(request)
    })
}
