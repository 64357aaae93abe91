//! Reaching into the magazines of all CPUs: draining one, and looking for the last free frame.

use crate::cache::{FrameCache, Grant, Transfer, transfer};
use crate::policy::MAGAZINE_CAPACITY;
use crate::spinlock::Clock;
use fl_addr::{CpuId, Pfn};
use fl_model::{AtomicU32, Ordering, mutant};

impl<const CPUS: usize, C: Clock> FrameCache<CPUS, C> {
    /// Looks for a frame everywhere. The caller holds no lock.
    ///
    /// While the scan is announced nobody puts frames into magazines or into the stock, so what was found empty stays empty. When all were
    /// found empty and then the pool is, no frame is free at that moment.
    #[cold]
    pub(crate) fn scavenge(&self, cpu: CpuId) -> Option<Grant> {
        let _scan = Scan::announce(&self.shared.scanners);
        if let Some(grant) = self.take_from_stock() {
            return Some(grant);
        }
        // The own magazine is the last in turn.
        for i in 1..=CPUS {
            let victim = CpuId(((cpu.0 as usize + i) % CPUS) as u8);
            let found = self.magazines[victim.0 as usize].with(|magazine| {
                let pfn = magazine.pop()?;
                Some(self.pool.with(|pool| {
                    let rest = magazine.drain(0, |frames| pool.put(frames));
                    Grant { pfn, refill: None, drained: Some(transfer(victim, rest, magazine, pool)) }
                }))
            });
            if found.is_some() {
                return found;
            }
        }
        self.pool.with(|pool| {
            let pfn = pool.pop()?;
            let (number, pool_free) = (pool.next_move(), pool.len() as u32);
            let refill = Some(Transfer { cache: cpu, moved: 1, cached: 0, pool_free, number });
            Some(Grant { pfn, refill, drained: None })
        })
    }

    /// Moves all frames of one magazine to the pool; `None` if it has none.
    ///
    /// # Panics
    /// If `cache` is not below `CPUS`.
    pub fn drain(&self, cache: CpuId) -> Option<Transfer> {
        if mutant!("frames_in_transit") {
            return self.drain_in_two_steps(cache);
        }
        self.magazines[cache.0 as usize].with(|magazine| {
            if magazine.len() == 0 {
                return None;
            }
            Some(self.pool.with(|pool| {
                let moved = magazine.drain(0, |frames| pool.put(frames));
                transfer(cache, moved, magazine, pool)
            }))
        })
    }

    /// The wrong way to drain, for the mutant: on their way the frames lie neither in the magazine nor in the pool.
    fn drain_in_two_steps(&self, cache: CpuId) -> Option<Transfer> {
        let mut frames = [Pfn(0); MAGAZINE_CAPACITY];
        let copy = |from: &[Pfn]| frames[..from.len()].copy_from_slice(from);
        let moved = self.magazines[cache.0 as usize].with(|magazine| magazine.drain(0, copy));
        self.pool.with(|pool| pool.put(&frames[..moved]));
        None
    }

    /// Moves the frames of all magazines to the pool, one after the other, telling of each move.
    pub fn drain_all(&self) -> impl Iterator<Item = Transfer> + '_ {
        (0..CPUS).filter_map(|i| self.drain(CpuId(i as u8)))
    }

    /// Whether somebody looks for a frame in all magazines. Asked under a magazine's lock.
    #[inline]
    pub(crate) fn is_scanned(&self) -> bool {
        if mutant!("scan_ignored") {
            return false;
        }
        // Acquire: partner is the Release in `Scan::drop`, so that what we put into the magazine comes after the scan's end.
        // A scan that has visited this magazine is seen without more: its announcement comes before its lock, ours after.
        self.shared.scanners.load(Ordering::Acquire) != 0
    }
}

/// A scan of all magazines, announced as long as this value lives.
struct Scan<'c>(&'c AtomicU32);

impl<'c> Scan<'c> {
    fn announce(scanners: &'c AtomicU32) -> Self {
        // Relaxed: partner is the load in `is_scanned` under a magazine's lock. We lock each magazine after this, so who locks
        // it after us sees the announcement, and what was put in before we find.
        scanners.fetch_add(1, Ordering::Relaxed);
        Self(scanners)
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        // Release: partner is the Acquire load in `is_scanned`; who sees the end of the scan acts after its last look.
        self.0.fetch_sub(1, Ordering::Release);
    }
}
