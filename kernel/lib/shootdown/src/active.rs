//! [`ActiveCpus`]: the CPUs that may have translations of one address space cached, and the switch between two spaces.

use fl_addr::CpuId;
use fl_model::{AtomicU32, Ordering, const_fn, fence, mutant};

/// A set of CPUs, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CpuSet(u32);

impl CpuSet {
    /// Nobody.
    pub const EMPTY: Self = Self(0);

    /// The first `n` CPUs.
    pub const fn first(n: u8) -> Self {
        Self(((1u64 << n) - 1) as u32)
    }

    /// Whether nobody is in it.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `cpu` is in it.
    #[inline]
    pub const fn has(self, cpu: CpuId) -> bool {
        self.0 >> cpu.0 & 1 != 0
    }

    /// The set with `cpu`.
    #[inline]
    #[must_use]
    pub const fn with(self, cpu: CpuId) -> Self {
        Self(self.0 | 1 << cpu.0)
    }

    /// The set without `cpu`.
    #[inline]
    #[must_use]
    pub const fn without(self, cpu: CpuId) -> Self {
        Self(self.0 & !(1 << cpu.0))
    }

    /// A bit for each, CPU 0's the lowest.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Its members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = CpuId> {
        (0..32).map(CpuId).filter(move |cpu| self.has(*cpu))
    }
}

/// The CPUs that may have translations of an address space cached: those that have its root loaded, or are about to.
///
/// Kernel threads and idle run on the kernel's own root, so a CPU is in the set only while a thread of the space runs on it.
#[derive(Default)]
pub struct ActiveCpus {
    cpus: AtomicU32,
}

impl ActiveCpus {
    const_fn! {
        /// Nobody.
        pub const fn new() -> Self {
            Self { cpus: AtomicU32::new(0) }
        }
    }

    /// CPU `cpu` goes from one space to another; `None` is the kernel's own, which all share. `load` loads the new root, which drops the translations
    /// of the old one. Interrupts off.
    ///
    /// The bit is set before the first walk of the new tables can happen and cleared after the last of the old ones has been dropped.
    #[inline]
    pub fn switch(from: Option<&Self>, to: Option<&Self>, cpu: CpuId, load: impl FnOnce()) {
        let bit = CpuSet::EMPTY.with(cpu).0;
        if mutant!("entered_late") {
            load();
            if let Some(to) = to {
                to.cpus.fetch_or(bit, Ordering::Relaxed);
                fence(Ordering::SeqCst);
            }
        } else {
            if let Some(to) = to {
                to.cpus.fetch_or(bit, Ordering::Relaxed); // Relaxed: the fence orders it
                // Partner: the fence in `after_change`. Either the initiator sees the bit, or the walks behind `load` see its change.
                if !mutant!("no_fence_at_the_switch") {
                    fence(Ordering::SeqCst);
                }
            }
            if let Some(from) = from.filter(|_| mutant!("left_early")) {
                from.cpus.fetch_and(!bit, Ordering::Release);
            }
            load();
        }
        if let Some(from) = from {
            // Release: partner is the Acquire load in `after_change`; who does not see the bit knows that the old translations are gone.
            from.cpus.fetch_and(!bit, Ordering::Release);
        }
    }

    /// Who may have cached what an entry was before it was changed. After the change.
    #[inline]
    pub fn after_change(&self) -> CpuSet {
        if !mutant!("no_fence_after_the_change") {
            fence(Ordering::SeqCst); // partner: the fence in `switch`
        }
        CpuSet(self.cpus.load(Ordering::Acquire)) // partner: the Release in `switch`
    }

    /// Whether nobody is in the space: then its tables may be freed, if nobody can enter it any more.
    pub fn is_empty(&self) -> bool {
        self.cpus.load(Ordering::Acquire) == 0 // partner: the Release in `switch`
    }
}
