//! Frame caches and pools: what leaves the one arrives in the other.
//!
//! Key type: [`Caches`]. All transfers of a class happen under its pool's lock, which numbers them; that is their order, whatever their time stamps say: a
//! transfer is recorded after the lock is released, each CPU by its own clock. So transfers wait until the one before them is there, and each must
//! leave in the pool what the one before it explains, whichever CPUs made the two. A number that never comes is a transfer that was not told, unless
//! loss excuses it.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_trace::control::Hello;
use fl_trace::event::{CacheTransfer, FrameClass};
use std::collections::BTreeMap;

/// Transfers of a class that wait for one before them: a host that stops one CPU of a virtual machine lets the others make thousands meanwhile.
const WAITING: usize = 1 << 12;

/// A transfer, and who told of it.
#[derive(Clone, Copy)]
struct Told {
    witness: Witness,
    transfer: CacheTransfer,
    refill: bool,
}

impl Told {
    /// What a pool of `before` frames has afterwards; `None`: it has not as many as are taken.
    fn leaves(&self, before: u32) -> Option<u32> {
        let moved = u32::from(self.transfer.moved);
        if self.refill { before.checked_sub(moved) } else { before.checked_add(moved) }
    }
}

/// One class.
#[derive(Default)]
struct Pool {
    /// The last transfer that was placed.
    last: Option<Told>,
    /// Those behind it, by number.
    waiting: BTreeMap<u32, Told>,
    /// The latest time that any was told at.
    newest: u64,
}

/// See the module.
#[derive(Default)]
pub struct Caches {
    /// User, kernel.
    pools: [Pool; 2],
    /// Frames of each class in all, if a hello told it.
    total: Option<[u32; 2]>,
}

impl Caches {
    /// The hello tells how many frames there are.
    pub fn hello(&mut self, hello: &Hello) {
        self.total = Some([hello.user_frames, hello.kernel_frames]);
    }

    /// Frames moved.
    pub fn transfer(&mut self, now: &Witness, transfer: &CacheTransfer, refill: bool, docket: &mut Docket) {
        let class = match transfer.class {
            FrameClass::User => 0,
            FrameClass::Kernel => 1,
        };
        docket.exercised(Invariant::CacheSums);
        if let Some(text) = self.absurd(class, transfer, refill) {
            docket.claim(claim(true, now, now, now.stamped.tsc, text));
        }
        self.pools[class].told(Told { witness: *now, transfer: *transfer, refill }, docket);
    }

    /// What no order of transfers can explain.
    fn absurd(&self, class: usize, transfer: &CacheTransfer, refill: bool) -> Option<String> {
        let CacheTransfer { moved, cached, pool_free, .. } = *transfer;
        let total = self.total.map(|total| total[class]);
        if moved == 0 && (refill || cached != 0) {
            return Some("a transfer moves no frame".into());
        }
        if let Some(total) = total
            && u64::from(pool_free) + u64::from(cached) > u64::from(total)
        {
            return Some(format!(
                "{cached} cached and {pool_free} in the pool are more than the {total} frames there are"
            ));
        }
        // The caller's own frame may have gone past the cache.
        if refill && u32::from(cached) + 1 < u32::from(moved) {
            return Some(format!("{moved} frames went into a cache that holds {cached}"));
        }
        if !refill && pool_free < u32::from(moved) {
            return Some(format!("{moved} frames went into a pool that holds {pool_free}"));
        }
        None
    }

    /// The run is over: what waits still, waits for nothing.
    pub fn end(&mut self, docket: &mut Docket) {
        for pool in &mut self.pools {
            while !pool.waiting.is_empty() {
                pool.skip(docket);
            }
        }
    }
}

impl Pool {
    fn told(&mut self, told: Told, docket: &mut Docket) {
        self.newest = self.newest.max(told.witness.stamped.tsc);
        let ahead = told.transfer.number.wrapping_sub(self.last.map_or(0, |last| last.transfer.number));
        let twice = match self.last {
            // It was given up, or it is the last one.
            Some(last) if ahead == 0 || ahead > u32::MAX / 2 => (ahead == 0).then_some(last),
            _ => self.waiting.insert(told.transfer.number, told),
        };
        if let Some(before) = twice {
            let text = format!("transfer {} of the pool is told twice", told.transfer.number);
            let at = told.witness.stamped.tsc;
            docket.claim(claim(true, &before.witness, &told.witness, at, text));
        }
        self.place(docket);
        if self.waiting.len() > WAITING {
            self.skip(docket);
        }
    }

    /// The number that is to come.
    fn next(&self) -> u32 {
        self.last.map_or(0, |last| last.transfer.number).wrapping_add(1)
    }

    /// Places every transfer whose turn it is.
    fn place(&mut self, docket: &mut Docket) {
        while let Some(told) = self.waiting.remove(&self.next()) {
            if let Some(last) = self.last.replace(told)
                && told.leaves(last.transfer.pool_free) != Some(told.transfer.pool_free)
            {
                let text = format!(
                    "the pool had {} frames, {} were {}, and it has {}",
                    last.transfer.pool_free,
                    told.transfer.moved,
                    if told.refill { "taken" } else { "given back" },
                    told.transfer.pool_free
                );
                // Nothing can be missing between two numbers that follow each other.
                docket.claim(claim(true, &last.witness, &told.witness, told.witness.stamped.tsc, text));
            }
        }
    }

    /// Does not wait any longer for what is missing before the first that waits.
    fn skip(&mut self, docket: &mut Docket) {
        let next = self.next();
        // Numbers wrap: those from `next` on come first.
        let Some(&number) =
            self.waiting.range(next..).chain(self.waiting.range(..next)).map(|(n, _)| n).next()
        else {
            return;
        };
        let Some(told) = self.waiting.remove(&number) else { return };
        let missing = number.wrapping_sub(next);
        let text = match missing {
            1 => format!("transfer {next} of the pool was not told"),
            _ => format!("transfers {next} to {} of the pool were not told", number.wrapping_sub(1)),
        };
        let before = self.last.map_or(told.witness, |last| last.witness);
        let mut missed = claim(false, &before, &told.witness, self.newest, text);
        if self.last.is_none() {
            missed.since = 0; // from boot on
        }
        docket.claim(missed);
        self.last = Some(told);
        self.place(docket);
    }
}

/// `until`: what happened until then may excuse it.
fn claim(certain: bool, before: &Witness, now: &Witness, until: u64, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    let (a, b) = (before.stamped.tsc, now.stamped.tsc);
    Claim {
        invariant: Invariant::CacheSums,
        since: a.min(b),
        at: a.max(b).max(until),
        certain,
        text,
        witnesses,
    }
}
