//! The stock of zeroed frames: frames that are free and were cleared when there was nothing better to do.
//!
//! A frame in stock is as free as one in the pool: it is counted so, and handed out as any other when the pool is dry, before other CPUs'
//! magazines are looked into. This crate does not clear anything: it says whether more is [wanted](FrameCache::wants_zeroed), and takes frames back
//! that the caller has cleared.

use crate::policy::may_zero;
use crate::spinlock::Clock;
use crate::{FrameCache, Transfer};
use fl_addr::{CpuId, Pfn};
use fl_model::mutant;

impl<const CPUS: usize, C: Clock> FrameCache<CPUS, C> {
    /// Takes a frame of which every byte is zero. `None`: none is in stock; others may be free.
    ///
    /// # Panics
    /// In checked caches if the frame is in use.
    #[inline]
    pub fn take_zeroed(&self) -> Option<Pfn> {
        let pfn = self.pop_stock()?;
        self.check(|owners| owners.allocate(pfn));
        Some(pfn)
    }

    /// Whether there is room in stock, and enough in the pool: then take a frame, clear it and [put](Self::put_zeroed) it there. A hint, which may be
    /// outdated on return; more than there is room for is never kept.
    pub fn wants_zeroed(&self) -> bool {
        let room = self.stock.with(|stock| stock.len() < stock.limit());
        room && may_zero(self.total(), self.pool_free())
    }

    /// Gives a frame back of which every byte is zero: into the stock, or as [`free`](Self::free) does if that is full.
    ///
    /// # Panics
    /// As `free`.
    pub fn put_zeroed(&self, cpu: CpuId, pfn: Pfn) -> Option<Transfer> {
        self.check(|owners| owners.free(pfn));
        let stocked = self.stock.with(|stock| {
            // Under the lock, as in a magazine: whoever scans has not been here yet, or is seen.
            let scanned = self.is_scanned() && !mutant!("stock_put_behind_the_scan");
            !scanned && stock.push(pfn)
        });
        if stocked { None } else { self.put(cpu, pfn) }
    }

    /// Frames in stock. May be outdated on return.
    pub fn stocked(&self) -> u32 {
        self.stock.count()
    }

    /// Takes a frame out of the stock. The owner map is the caller's to tell.
    #[inline]
    pub(crate) fn pop_stock(&self) -> Option<Pfn> {
        // Looked at without the lock first, for there often is none. Who scans must not be told "none" by a count that is outdated.
        if self.stock.count() == 0 && !self.is_scanned() {
            return None;
        }
        self.stock.with(|stock| stock.pop())
    }
}
