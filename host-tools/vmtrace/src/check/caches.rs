//! Frame caches and pools: what leaves the one arrives in the other.
//!
//! Key type: [`Caches`]. All transfers of a class happen under its pool's lock, so their true order is the one in which the
//! pool's fill adds up; the order of their time stamps may differ, because a transfer is recorded after the lock is
//! released. So transfers wait until the one before them is known, and only what never fits is claimed. Where several CPUs take part more than one
//! order may fit for a while, and the wrong one leads nowhere later: what does not fit then is left open.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_trace::control::Hello;
use fl_trace::event::{CacheTransfer, FrameClass};

/// Transfers that wait for the one before them. Each CPU can have one that is not recorded yet; a host that stops one CPU of a virtual machine lets the
/// others make many meanwhile.
const WAITING: usize = 256;

/// A transfer that waits.
struct Waiting {
    witness: Witness,
    transfer: CacheTransfer,
    refill: bool,
}

impl Waiting {
    /// Whether it fits a pool that has `before` free frames. The frame that a caller takes directly counts as moved but
    /// need not touch the pool when a cache is drained for it.
    fn follows(&self, before: u32) -> bool {
        let (after, moved) = (u64::from(self.transfer.pool_free), u64::from(self.transfer.moved));
        let before = u64::from(before);
        if self.refill {
            after + moved == before
        } else {
            after == before + moved || after + 1 == before + moved
        }
    }
}

/// One class.
#[derive(Default)]
struct Pool {
    /// Frames in the pool after the last transfer that was placed, and that transfer.
    now: Option<(u32, Witness)>,
    waiting: Vec<Waiting>,
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
            docket.claim(claim(true, now, now, text));
        }
        let pool = &mut self.pools[class];
        pool.waiting.push(Waiting { witness: *now, transfer: *transfer, refill });
        pool.place();
        if pool.waiting.len() > WAITING {
            pool.give_up(docket);
        }
    }

    /// What no order of transfers can explain.
    fn absurd(&self, class: usize, transfer: &CacheTransfer, refill: bool) -> Option<String> {
        let CacheTransfer { moved, cached, pool_free, .. } = *transfer;
        let total = self.total.map(|total| total[class]);
        if moved == 0 {
            return Some("a transfer moves no frame".into());
        }
        if total.is_some_and(|total| u64::from(pool_free) + u64::from(cached) > u64::from(total)) {
            let total = total.unwrap_or(0);
            return Some(format!(
                "{cached} cached and {pool_free} in the pool are more than the {total} frames there are"
            ));
        }
        // The caller's own frame may have gone past the cache.
        if refill && u32::from(cached) + 1 < u32::from(moved) {
            return Some(format!("{moved} frames went into a cache that holds {cached}"));
        }
        if !refill && u64::from(pool_free) + 1 < u64::from(moved) {
            return Some(format!("{moved} frames went into a pool that holds {pool_free}"));
        }
        None
    }

    /// Events are missing: the next transfer of each class begins anew.
    pub fn gap(&mut self) {
        for pool in &mut self.pools {
            pool.now = None;
            pool.waiting.clear();
        }
    }

    /// The run is over: what waits still, waits for nothing.
    pub fn end(&mut self, docket: &mut Docket) {
        for pool in &mut self.pools {
            while !pool.waiting.is_empty() {
                pool.give_up(docket);
            }
        }
    }
}

impl Pool {
    /// Places every transfer that fits behind the ones placed.
    fn place(&mut self) {
        if self.now.is_none() {
            return;
        }
        while let Some((before, _)) = self.now {
            let Some(next) = self.waiting.iter().position(|waiting| waiting.follows(before)) else { return };
            let placed = self.waiting.remove(next);
            self.now = Some((placed.transfer.pool_free, placed.witness));
        }
    }

    /// Takes the oldest waiting transfer although it does not fit.
    fn give_up(&mut self, docket: &mut Docket) {
        let Some(first) = self.waiting.first() else { return };
        let several =
            self.now.iter().map(|(_, witness)| witness).chain(self.waiting.iter().map(|w| &w.witness));
        let several = several.map(|witness| witness.cpu).any(|cpu| cpu != first.witness.cpu);
        match &self.now {
            Some(_) if several => docket.left_open(Invariant::CacheSums),
            Some((before, witness)) => {
                let text = format!(
                    "the pool had {before} frames, {} were {}, and it has {}",
                    first.transfer.moved,
                    if first.refill { "taken" } else { "given back" },
                    first.transfer.pool_free
                );
                docket.claim(claim(false, witness, &first.witness, text));
            }
            // The first of all: any of those that wait may have been first; the one that explains most is.
            None => {
                let best = (0..self.waiting.len())
                    .max_by_key(|&i| (self.explained_from(i), usize::MAX - i))
                    .unwrap_or(0);
                self.waiting.swap(0, best);
            }
        }
        let first = self.waiting.remove(0);
        self.now = Some((first.transfer.pool_free, first.witness));
        self.place();
    }

    /// How many waiting transfers fit one behind the other if the `start`-th is first.
    fn explained_from(&self, start: usize) -> usize {
        let mut left: Vec<usize> = (0..self.waiting.len()).filter(|&i| i != start).collect();
        let mut fill = self.waiting[start].transfer.pool_free;
        let all = left.len();
        while let Some(at) = left.iter().position(|&i| self.waiting[i].follows(fill)) {
            fill = self.waiting[left.remove(at)].transfer.pool_free;
        }
        all - left.len()
    }
}

fn claim(certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    let (a, b) = (before.stamped.tsc, now.stamped.tsc);
    Claim { invariant: Invariant::CacheSums, since: a.min(b), at: a.max(b), certain, text, witnesses }
}
