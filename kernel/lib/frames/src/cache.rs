//! The frame cache: magazines in front of the pool. The stock of zeroed frames is in [`crate::zeroed`]; what reaches into other CPUs' magazines, so that
//! "no frame" is never said falsely, in [`crate::scavenge`].
//!
//! Key types: [`FrameCache`], [`Grant`], [`Transfer`]. Neighbours: [`crate::policy`] says how many frames move,
//! [`crate::counted`] locks, [`crate::owners`] checks.

use crate::counted::Counted;
use crate::magazine::{Magazine, Stock};
use crate::owners::{Misuse, OwnerMap};
use crate::policy::{keep_after_drain, magazine_limit, refill_batch, stock_limit};
use crate::pool::Pool;
use crate::spinlock::{CacheLock, Clock, NoClock};
use crossbeam_utils::CachePadded;
use fl_addr::{CpuId, Pfn};
use fl_model::{AtomicU32, Ordering, array_of, const_fn, mutant};

/// All frames of one class: those that are free lie in its pool, in one of its `CPUS` magazines, or zeroed in its stock.
///
/// Owns the free frames; a frame handed out belongs to the caller until it is freed. Meant to be a `static`.
///
/// Each CPU calls `alloc` and `free` with its own number and with preemption off, so that its magazine's lock is contended
/// only when another CPU drains it. This is for speed: no call is wrong with another number, and all of them may run at once.
///
/// Locks: magazine -> pool, both spin locks and leaves of the kernel's lock order. No two magazines are locked at once, and a
/// frame moves between magazine and pool under both locks, so that it always lies in one of the two for whoever holds them. The stock's lock
/// is held with no other. Waiting for them is measured by the clock `C`, which is told.
pub struct FrameCache<const CPUS: usize, C = NoClock> {
    pub(crate) magazines: [CachePadded<Counted<Magazine, C>>; CPUS],
    pub(crate) pool: CachePadded<Counted<Pool, C>>,
    pub(crate) stock: CachePadded<Counted<Stock, C>>,
    pub(crate) shared: CachePadded<Shared>,
    owners: spin::Once<OwnerMap>,
}

/// Read at every free, written seldom.
pub(crate) struct Shared {
    /// Frames this cache was given.
    total: AtomicU32,
    /// How many CPUs are looking for a frame in all magazines. While there are any, nobody puts a frame into a magazine.
    pub(crate) scanners: AtomicU32,
}

/// A frame for the caller, and what had to move for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The frame. Its content is whatever was there.
    pub pfn: Pfn,
    /// Set if frames came from the pool into the caller's magazine (or only this one, to the caller).
    pub refill: Option<Transfer>,
    /// Set if the pool was empty and this frame came from another magazine, which was drained for that.
    pub drained: Option<Transfer>,
}

/// One move of frames between a magazine and the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The CPU whose magazine it was.
    pub cache: CpuId,
    /// Frames that left or reached the pool, including one that went to or came from the caller instead of the magazine. 0: the magazine's last
    /// frame went to the caller, and so past the pool.
    pub moved: u16,
    /// Frames in the magazine after the move.
    pub cached: u16,
    /// Frames in the pool after the move.
    pub pool_free: u32,
    /// Which of the pool's moves this is: counted under its lock from 1 on, wrapping. Nothing else changes what the pool holds.
    pub number: u32,
}

impl<const CPUS: usize> FrameCache<CPUS> {
    const_fn! {
        /// A cache without frames and without a clock.
        pub const fn new() -> Self {
            Self::with_clock()
        }
    }
}

impl<const CPUS: usize, C: Clock> FrameCache<CPUS, C> {
    const SHAPE: () = assert!(CPUS > 0 && CPUS <= 256, "a CpuId numbers 1 to 256 CPUs");

    const_fn! {
        /// A cache without frames.
        pub const fn with_clock() -> Self {
            let () = Self::SHAPE;
            Self {
                magazines: array_of!(CPUS, CachePadded::new(Counted::new(Magazine::new(), CacheLock::Magazine))),
                pool: CachePadded::new(Counted::new(Pool::new(), CacheLock::Pool)),
                stock: CachePadded::new(Counted::new(Stock::new(), CacheLock::Stock)),
                shared: CachePadded::new(Shared { total: AtomicU32::new(0), scanners: AtomicU32::new(0) }),
                owners: spin::Once::new(),
            }
        }
    }

    /// Gives the cache its frames, once, for `CPUS` CPUs. They are handed out in the order of `frames` at first. `storage`
    /// must be long enough for all of them.
    ///
    /// # Panics
    /// If called twice or with too short a storage: a bug of the caller.
    pub fn init(&self, storage: &'static mut [Pfn], frames: impl Iterator<Item = Pfn>) {
        let mut len = 0;
        for pfn in frames {
            self.check(|owners| owners.add(pfn));
            storage[len] = pfn;
            len += 1;
        }
        storage[..len].reverse();
        let given = self.pool.with(|pool| pool.set_storage(storage, len));
        assert!(given.is_some(), "a frame cache gets its frames once");
        self.shared.total.store(len as u32, Ordering::Relaxed); // a number only
        self.stock.with(|stock| stock.set_limit(stock_limit(len as u32)));
        self.set_online(CPUS, |_| ()); // the magazines are empty
    }

    /// Like [`init`](Self::init), and in builds with debug assertions every later call checks in `owners` that frames are
    /// handed out and freed in turn.
    ///
    /// # Panics
    /// As `init`, and in debug builds if `frames` has a frame twice or one outside `owners`.
    pub fn init_checked(
        &self,
        storage: &'static mut [Pfn],
        owners: OwnerMap,
        frames: impl Iterator<Item = Pfn>,
    ) {
        self.owners.call_once(|| owners);
        self.init(storage, frames);
    }

    /// Says how many CPUs really run (at most `CPUS`), so that magazines get their best size; tells of each move for that. May be called at any
    /// time.
    pub fn set_online(&self, cpus: usize, mut told: impl FnMut(Transfer)) {
        let cpus = cpus.clamp(1, CPUS);
        let limit = magazine_limit(self.total(), cpus);
        self.pool.with(|pool| pool.cpus = cpus);
        for (i, magazine) in self.magazines.iter().enumerate() {
            let moved = magazine.with(|magazine| {
                magazine.set_limit(limit);
                (magazine.len() > limit).then(|| {
                    self.pool.with(|pool| {
                        let moved = magazine.drain(limit, |frames| pool.put(frames));
                        transfer(CpuId(i as u8), moved, magazine, pool)
                    })
                })
            });
            moved.into_iter().for_each(&mut told);
        }
    }

    /// Takes a free frame: from the CPU's own magazine (one locked instruction), else with a batch from the pool, else from the stock of
    /// zeroed frames, else from any magazine.
    ///
    /// `None` is exact: there was a moment during the call at which this cache had no free frame at all. A frame counts as
    /// free from the moment its `free` has put it away until the moment an `alloc` picks it.
    ///
    /// # Panics
    /// If `cpu` is not below `CPUS`; in checked caches if a frame is handed out that is in use.
    pub fn alloc(&self, cpu: CpuId) -> Option<Grant> {
        if let Some(pfn) = self.alloc_own(cpu) {
            return Some(Grant { pfn, refill: None, drained: None });
        }
        let grant = self.alloc_elsewhere(cpu)?;
        self.check(|owners| owners.allocate(grant.pfn));
        Some(grant)
    }

    /// The owner's path of [`alloc`](Self::alloc), which comes after it if there is none: takes a frame from the CPU's own magazine, by one locked instruction.
    ///
    /// # Panics
    /// As [`alloc`](Self::alloc).
    #[inline]
    pub fn alloc_own(&self, cpu: CpuId) -> Option<Pfn> {
        let pfn = self.magazines[cpu.0 as usize].with(Magazine::pop)?;
        self.check(|owners| owners.allocate(pfn));
        Some(pfn)
    }

    /// Allocates after the own magazine was found empty. The caller holds no lock.
    #[cold]
    fn alloc_elsewhere(&self, cpu: CpuId) -> Option<Grant> {
        let grant = self.magazines[cpu.0 as usize].with(|magazine| match magazine.pop() {
            Some(pfn) => Some(Grant { pfn, refill: None, drained: None }),
            None => self.refill(cpu, magazine),
        });
        grant.or_else(|| self.take_from_stock()).or_else(|| self.scavenge(cpu))
    }

    /// Takes a frame from the stock: nothing moves between magazines and pool for that.
    pub(crate) fn take_from_stock(&self) -> Option<Grant> {
        self.pop_stock().map(|pfn| Grant { pfn, refill: None, drained: None })
    }

    /// Takes a frame from the pool for the caller and a batch for its empty magazine, whose lock is held.
    fn refill(&self, cpu: CpuId, magazine: &mut Magazine) -> Option<Grant> {
        let scanned = self.is_scanned();
        self.pool.with(|pool| {
            let pfn = pool.pop()?;
            let batch = if scanned { 0 } else { refill_batch(magazine.limit(), pool.len(), pool.cpus) };
            magazine.extend(pool.take(batch));
            let refill = Some(transfer(cpu, 1 + batch, magazine, pool));
            Some(Grant { pfn, refill, drained: None })
        })
    }

    /// Gives a frame back: into the CPU's own magazine (one locked instruction), of which half goes to the pool if it is full.
    /// Tells of a move to the pool.
    ///
    /// # Panics
    /// If `cpu` is not below `CPUS`; in checked caches if the frame is free already or not of this cache.
    pub fn free(&self, cpu: CpuId, pfn: Pfn) -> Option<Transfer> {
        if self.free_own(cpu, pfn) { None } else { self.put(cpu, pfn) }
    }

    /// The owner's path of [`free`](Self::free): puts the frame into the CPU's own magazine, by one locked instruction. False: there is no room, or somebody looks
    /// for a frame; then [`put`](Self::put) it away.
    ///
    /// # Panics
    /// As [`free`](Self::free).
    #[inline]
    pub fn free_own(&self, cpu: CpuId, pfn: Pfn) -> bool {
        self.check(|owners| owners.free(pfn));
        let asked_early = mutant!("scan_asked_early").then(|| self.is_scanned());
        self.magazines[cpu.0 as usize].with(|magazine| {
            let scanned = asked_early.unwrap_or_else(|| self.is_scanned());
            !scanned && magazine.push(pfn)
        })
    }

    /// Puts a frame away that counts as free: [`free_own`](Self::free_own) did not take it, or it comes from the stock. Tells of a move to the pool.
    pub fn put(&self, cpu: CpuId, pfn: Pfn) -> Option<Transfer> {
        let asked_early = mutant!("scan_asked_early").then(|| self.is_scanned());
        self.magazines[cpu.0 as usize].with(|magazine| {
            let scanned = asked_early.unwrap_or_else(|| self.is_scanned());
            if !scanned && magazine.push(pfn) { None } else { Some(self.spill(cpu, magazine, pfn, scanned)) }
        })
    }

    /// Frees into a magazine that is full, or, while it is `scanned`, past it. Moves at least one frame: to ask again here whether there is a
    /// scan could find a magazine with room.
    #[cold]
    fn spill(&self, cpu: CpuId, magazine: &mut Magazine, pfn: Pfn, scanned: bool) -> Transfer {
        self.pool.with(|pool| {
            let mut moved = magazine.drain(keep_after_drain(magazine.limit()), |frames| pool.put(frames));
            if scanned || !magazine.push(pfn) {
                pool.put(&[pfn]);
                moved += 1;
            }
            transfer(cpu, moved, magazine, pool)
        })
    }

    /// Gives many frames back at once, under one lock, or two: into the CPU's magazine if it takes all of them, else all to the pool. Tells of a move to
    /// the pool.
    ///
    /// # Panics
    /// As [`free`](Self::free).
    pub fn free_batch(&self, cpu: CpuId, frames: &[Pfn]) -> Option<Transfer> {
        for &pfn in frames {
            self.check(|owners| owners.free(pfn));
        }
        let asked_early = mutant!("batch_asked_early").then(|| self.is_scanned());
        self.magazines[cpu.0 as usize].with(|magazine| {
            let scanned = asked_early.unwrap_or_else(|| self.is_scanned());
            if !scanned && magazine.extend(frames) {
                return None;
            }
            Some(self.pool.with(|pool| {
                pool.put(frames);
                transfer(cpu, frames.len(), magazine, pool)
            }))
        })
    }

    /// Free frames in pool, magazines and stock, counted without a lock: exact while nobody else is at it, otherwise off by what
    /// moves meanwhile (a batch per busy CPU).
    pub fn free_frames(&self) -> u32 {
        let cached: u32 = self.magazines.iter().map(|m| m.count()).sum();
        cached + self.pool.count() + self.stock.count()
    }

    /// Free frames in the pool. May be outdated on return.
    pub fn pool_free(&self) -> u32 {
        self.pool.count()
    }

    /// Free frames in one magazine. May be outdated on return.
    ///
    /// # Panics
    /// If `cache` is not below `CPUS`.
    pub fn cached(&self, cache: CpuId) -> u32 {
        self.magazines[cache.0 as usize].count()
    }

    /// All frames the cache was given, free or not.
    pub fn total(&self) -> u32 {
        self.shared.total.load(Ordering::Relaxed) // a number only
    }

    /// Runs an ownership check in debug builds.
    #[inline]
    pub(crate) fn check(&self, f: impl FnOnce(&OwnerMap) -> Result<(), Misuse>) {
        if cfg!(debug_assertions)
            && let Some(owners) = self.owners.get()
            && let Err(misuse) = f(owners)
        {
            panic!("{misuse}");
        }
    }
}

impl<const CPUS: usize> Default for FrameCache<CPUS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Describes a move that has just been made, with both locks still held.
pub(crate) fn transfer(cache: CpuId, moved: usize, magazine: &Magazine, pool: &mut Pool) -> Transfer {
    let moved = moved.min(u16::MAX as usize) as u16;
    let number = pool.next_move();
    Transfer { cache, moved, cached: magazine.len() as u16, pool_free: pool.len() as u32, number }
}
